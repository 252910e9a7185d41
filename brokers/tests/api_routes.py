"""This app's routes alone, as the project mounts them."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from brokers import api_urls

router = SimpleRouter()
api_urls.register(router)

urlpatterns = [path("api/v1/", include([*api_urls.urlpatterns, path("", include(router.urls))]))]
