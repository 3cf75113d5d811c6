from django.urls import path

from accounts import views, views_activity, views_imports, views_invitations, views_members

app_name = "accounts"
urlpatterns = [
    path("tree/", views.roots, name="roots"),
    path("tree/<entity_id:entity_id>/", views.branch, name="branch"),
    path("search/", views.search, name="search"),
    path("add/", views.add_top, name="add_top"),
    path("import/", views_imports.import_at_top, name="import_at_top"),
    path("<entity_id:entity_id>/add/", views.add, name="add"),
    path("<entity_id:entity_id>/import/", views_imports.import_below, name="import_below"),
    path("<entity_id:entity_id>/edit/", views.edit, name="edit"),
    path("<entity_id:entity_id>/move/", views.move, name="move"),
    path("<entity_id:entity_id>/suspend/", views.suspend, name="suspend"),
    path("<entity_id:entity_id>/reactivate/", views.reactivate, name="reactivate"),
    path("users/", views_members.platform_users, name="platform_users"),
    path("users/invite/", views_invitations.invite_to_platform, name="invite_to_platform"),
    path("<entity_id:entity_id>/users/", views_members.users, name="users"),
    path("<entity_id:entity_id>/users/invite/", views_invitations.invite, name="invite"),
    path("members/<public_id:membership_id>/role/", views_members.change_role, name="change_role"),
    path("members/<public_id:membership_id>/remove/", views_members.remove, name="remove"),
    path("invitations/<public_id:invitation_id>/resend/", views_invitations.resend, name="resend"),
    path("invitations/<public_id:invitation_id>/withdraw/", views_invitations.withdraw, name="withdraw"),
    path("<entity_id:entity_id>/activity/", views_activity.activity, name="activity"),
    path("<entity_id:entity_id>/activity.csv", views_activity.export, name="activity_export"),
]
