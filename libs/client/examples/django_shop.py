"""A shop of two pages in Django that tracks every page and every purchase.

MILLRACE_URL=http://localhost:8080 python django_shop.py 8001
"""

import os
import sys
import uuid
from collections.abc import Callable

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.urls import path

from millrace_client import Millrace

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=uuid.uuid4().hex,
    MIDDLEWARE=[f"{__name__}.track_pages"],
)
millrace = Millrace(os.environ.get("MILLRACE_URL", "http://localhost:8080"), customer_id="django_shop")

_VISITOR = "visitor"


def visitor_of(request: HttpRequest) -> str:
    """Who sends this request: the cookie's visitor, else a new one."""
    return str(request.COOKIES.get(_VISITOR) or uuid.uuid4().hex)


def track_pages(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a ``page_view`` for every page that was there."""

    def middleware(request: HttpRequest) -> HttpResponse:
        visitor = visitor_of(request)
        request.META["MILLRACE_VISITOR"] = visitor
        response = get_response(request)
        if request.method == "GET" and response.status_code == 200:
            millrace.page(
                request.path,
                visitor_id=visitor,
                page_url=request.build_absolute_uri(),
                referrer=request.headers.get("Referer"),
                context={"userAgent": request.headers.get("User-Agent", ""), "ip": request.META.get("REMOTE_ADDR", "")},
            )
        response.set_cookie(_VISITOR, visitor, max_age=365 * 86_400, httponly=True, samesite="Lax")
        return response

    return middleware


def home(request: HttpRequest) -> HttpResponse:
    """The shop's window."""
    return HttpResponse("<h1>Mugs</h1><a href='/mug/'>A mug</a>")


def mug(request: HttpRequest) -> HttpResponse:
    """The one thing to buy."""
    if request.method == "POST":
        millrace.track("purchase", {"product": "mug", "amount": 12.5}, visitor_id=request.META["MILLRACE_VISITOR"])
        return HttpResponse("Thank you.", status=201)
    return HttpResponse("<h1>A mug</h1>")


urlpatterns = [path("", home), path("mug/", mug)]

if __name__ == "__main__":
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", f"127.0.0.1:{sys.argv[1]}"])
