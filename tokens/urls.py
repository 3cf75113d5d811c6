from django.urls import path

from tokens import views
from tokens.keys import views as keys
from tokens.sdk import views as sdk
from tokens.sdk import views_fleet as fleet

app_name = "tokens"
urlpatterns = [
    path("account/<entity_id:entity_id>/developers/", keys.developers, name="developers"),
    path("account/<entity_id:entity_id>/keys/<slot:slot>/create/", keys.create, name="key_create"),
    path("account/<entity_id:entity_id>/keys/<slot:slot>/renew/", keys.renew, name="key_renew"),
    path("account/<entity_id:entity_id>/keys/<slot:slot>/revoke/", keys.revoke, name="key_revoke"),
    path("account/<entity_id:entity_id>/keys/<slot:slot>/reveal/", keys.reveal, name="key_reveal"),
    path("account/<entity_id:entity_id>/keys/promote/", keys.promote, name="key_promote"),
    path("account/<entity_id:entity_id>/keys/signature/", keys.signature, name="key_signature"),
    path("account/<entity_id:entity_id>/tokens/add/", views.add, name="add"),
    path("account/<entity_id:entity_id>/tokens.csv", views.export, name="export"),
    path("account/<entity_id:entity_id>/sdk-tokens/add/", sdk.add, name="add_sdk"),
    path("account/<entity_id:entity_id>/terminals/", fleet.fleet, name="fleet"),
    path("account/<entity_id:entity_id>/terminals/issue/", fleet.issue, name="fleet_issue"),
    path("account/<entity_id:entity_id>/terminals/recall/", fleet.recall, name="fleet_recall"),
    path("account/<entity_id:entity_id>/lost-device/", fleet.lost, name="lost_device"),
    path("settings/sdk-tokens/", sdk.mine, name="my_sdk_tokens"),
    path("tokens/<key_id:key_id>/", views.detail, name="detail"),
    path("tokens/<key_id:key_id>/duplicate/", views.duplicate, name="duplicate"),
    path("tokens/<key_id:key_id>/rotate/", views.rotate, name="rotate"),
    path("tokens/<key_id:key_id>/extend/", views.extend, name="extend"),
    path("tokens/<key_id:key_id>/end/", views.end, name="end"),
    path("tokens/<key_id:key_id>/cancel/", views.cancel, name="cancel"),
    path("tokens/<key_id:key_id>/edit/", views.edit, name="edit"),
    path("tokens/<key_id:key_id>/deactivate/", views.deactivate, name="deactivate"),
    path("tokens/<key_id:key_id>/reactivate/", views.reactivate, name="reactivate"),
    path("tokens/<key_id:key_id>/revoke/", views.revoke, name="revoke"),
    path("tokens/<key_id:key_id>/condemn/", views.condemn, name="condemn"),
    path("tokens/<key_id:key_id>/remove/", views.remove, name="remove"),
]
