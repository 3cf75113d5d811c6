"""One view for each library, which answers 204 to whoever it lets through, and one that asks nobody."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from knox.auth import TokenAuthentication as KnoxAuthentication
from rest_framework.authentication import TokenAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_api_key.permissions import HasAPIKey


class Protected(APIView):
    """What the three have in common."""

    permission_classes = [IsAuthenticated]

    def get(self, _request: Request) -> Response:
        """Answer 204."""
        return Response(status=204)


class Knox(Protected):
    authentication_classes = [KnoxAuthentication]


class Token(Protected):
    authentication_classes = [TokenAuthentication]


class ApiKey(Protected):
    # It decides by permission alone; Django REST framework's own two ways to authenticate would only cost time.
    authentication_classes = ()
    permission_classes = [HasAPIKey]


def empty(_request: HttpRequest) -> HttpResponse:
    """Answer 204: what Django costs."""
    return HttpResponse(status=204)


urlpatterns = [
    path("knox/", Knox.as_view()),
    path("token/", Token.as_view()),
    path("api-key/", ApiKey.as_view()),
    path("empty/", empty),
]
