from allauth.account import views as sign_in
from allauth.mfa.webauthn import views as passkey
from django.contrib import admin
from django.urls import include, path, re_path

from accounts.signin import views as factors
from accounts.views import add_merchant
from accounts.views_activity import everywhere, export_everywhere
from accounts.views_invitations import accept, open_link
from accounts.views_people import disable, enable
from portal import health, metrics, views

# Chosen one by one from django-allauth: nobody signs up alone, and an e-mail address is not changed by its owner.
auth = [
    path("login/", sign_in.login, name="account_login"),
    path("logout/", sign_in.logout, name="account_logout"),
    path("inactive/", sign_in.account_inactive, name="account_inactive"),
    path("signup/", sign_in.signup, name="account_signup"),
    path("second-step/", factors.second_step, name="mfa_authenticate"),
    path("passkey/", passkey.login_webauthn, name="mfa_login_webauthn"),
    path("start/", factors.enrol, name="account_enrol"),
    path("factors/", factors.overview, name="account_factors"),
    path("factors/app/", factors.add_app, name="account_add_app"),
    path("factors/passkey/", factors.add_passkey, name="account_add_passkey"),
    path("factors/codes/", factors.recovery_codes, name="account_recovery_codes"),
    path("factors/<int:number>/rename/", factors.rename_passkey, name="account_rename_passkey"),
    path("factors/<int:number>/remove/", factors.remove_factor, name="account_remove_factor"),
    path("invitation/", accept, name="accept_invitation"),
    path("invitation/<public_id:invitation_id>/<path:secret>", open_link, name="invitation"),
    path("session/", factors.session, name="account_session"),
    path("sessions/<slug:key>/end/", factors.end_session, name="account_end_session"),
    path("sessions/end/", factors.end_other_sessions, name="account_end_other_sessions"),
    path("password/change/", sign_in.password_change, name="account_change_password"),
    path("password/reset/", sign_in.password_reset, name="account_reset_password"),
    path("password/reset/done/", sign_in.password_reset_done, name="account_reset_password_done"),
    path("password/reset/key/done/", sign_in.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        sign_in.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
]

portal = (
    [
        path("", views.dashboard, name="dashboard"),
        path("merchants/", views.merchants, name="merchants"),
        path("merchants.csv", views.merchants_export, name="merchants_export"),
        path("activity/", everywhere, name="activity"),
        path("activity.csv", export_everywhere, name="activity_export"),
        path("people/", views.people, name="people"),
        path("people/<public_id:person_id>/", views.person, name="person"),
        path("settings/", views.settings, name="settings"),
        path("account/", views.account, name="account"),
        path("account/<entity_id:entity_id>/", views.entity, name="entity"),
    ],
    "portal",
)

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("auth/", include(auth)),
    path("admin/", admin.site.urls),
    path("", include("tokens.urls")),
    path("account/", include("accounts.urls")),
    path("merchants/add/", add_merchant, name="add_merchant"),
    path("people/<public_id:person_id>/disable/", disable, name="disable_person"),
    path("people/<public_id:person_id>/enable/", enable, name="enable_person"),
    path("", include(portal)),
]
