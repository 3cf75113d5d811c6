from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("tree/", views.roots, name="roots"),
    path("tree/<entity_id:entity_id>/", views.branch, name="branch"),
    path("search/", views.search, name="search"),
    path("add/", views.add_top, name="add_top"),
    path("<entity_id:entity_id>/add/", views.add, name="add"),
    path("<entity_id:entity_id>/edit/", views.edit, name="edit"),
    path("<entity_id:entity_id>/move/", views.move, name="move"),
    path("<entity_id:entity_id>/suspend/", views.suspend, name="suspend"),
    path("<entity_id:entity_id>/reactivate/", views.reactivate, name="reactivate"),
    path("<entity_id:entity_id>/users/", views.users, name="users"),
    path("<entity_id:entity_id>/activity/", views.activity, name="activity"),
]
