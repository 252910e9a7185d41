"""Routes of the help pages. The address without a final slash is the one that is linked."""

from django.urls import path

from dashboard import help as help_pages

urlpatterns = [
    path("help/reasons/", help_pages.reason_index, name="reasons"),
    path("help/reasons/<str:code>", help_pages.reason_page, name="reason"),
    path("help/reasons/<str:code>/", help_pages.reason_page),
]
