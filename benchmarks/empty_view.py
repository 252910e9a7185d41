"""The floor: Django's emptiest async view, served as TradeHub is. No middleware, no database."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="nothing is signed",  # noqa: S106  # nothing is signed here
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    DATABASES={},
)


async def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"ok")


urlpatterns = [path("", view)]

from django.core.asgi import get_asgi_application  # noqa: E402  # after the settings

application = get_asgi_application()
