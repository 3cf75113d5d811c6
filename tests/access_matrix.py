"""The access matrix as literal tables: URL and method, then the status for each persona, in the order of PERSONAS."""

PERSONAS = (
    "platform",
    "support",
    "partner",
    "merchant",
    "developer",
    "viewer",
    "terminal",
    "sdk_user",
    "rival",
    "anonymous",
)

# One line a URL and method: the status for each persona, in the order of PERSONAS.
# 302 for anonymous is the way to the sign-in page; 302 for a POST is a verb that was done.
MATRIX = """
livez                                   GET   200 200 200 200 200 200 200 200 200 200
readyz                                  GET   200 200 200 200 200 200 200 200 200 200
metrics                                 GET   200 200 200 200 200 200 200 200 200 200
portal:dashboard                        GET   200 200 200 200 200 200 200 200 200 302
portal:merchants                        GET   200 200 200 200 200 200 200 200 200 302
portal:merchants_export                 GET   200 200 200 200 200 200 200 200 200 302
add_merchant                            GET   200 403 200 403 403 403 403 403 403 302
add_merchant                            POST  302 403 302 403 403 403 403 403 403 302
portal:activity                         GET   200 200 200 200 200 200 200 200 200 302
portal:activity_export                  GET   200 200 200 200 200 200 200 200 200 302
portal:settings                         GET   200 200 200 200 200 200 200 200 200 302
portal:account                          GET   200 200 302 302 302 302 302 302 302 302
portal:entity                           GET   200 200 200 200 200 200 404 200 404 302
accounts:roots                          GET   200 200 200 200 200 200 200 200 200 302
accounts:branch                         GET   200 200 200 200 200 200 404 200 404 302
accounts:search                         GET   200 200 200 200 200 200 200 200 200 302
accounts:users                          GET   200 200 200 200 200 200 404 403 404 302
accounts:invite                         GET   200 403 200 200 403 403 404 403 404 302
accounts:invite                         POST  302 403 302 302 403 403 404 403 404 302
accounts:change_role                    GET   200 403 200 200 403 403 404 404 404 302
accounts:change_role                    POST  302 403 302 302 403 403 404 404 404 302
accounts:remove                         GET   200 403 200 200 403 403 404 404 404 302
accounts:remove                         POST  302 403 302 302 403 403 404 404 404 302
accounts:resend                         GET   200 404 200 200 404 404 404 404 404 302
accounts:resend                         POST  302 404 302 302 404 404 404 404 404 302
accounts:withdraw                       GET   200 404 200 200 404 404 404 404 404 302
accounts:withdraw                       POST  302 404 302 302 404 404 404 404 404 302
accounts:platform_users                 GET   200 200 403 403 403 403 403 403 403 302
accounts:invite_to_platform             GET   200 403 403 403 403 403 403 403 403 302
accounts:invite_to_platform             POST  302 403 403 403 403 403 403 403 403 302
portal:people                           GET   200 200 403 403 403 403 403 403 403 302
portal:person                           GET   200 200 404 404 404 404 404 404 404 302
disable_person                          GET   200 200 404 404 404 404 404 404 404 302
disable_person                          POST  302 302 404 404 404 404 404 404 404 302
enable_person                           GET   409 403 404 404 404 404 404 404 404 302
enable_person                           POST  409 403 404 404 404 404 404 404 404 302
invitation                              GET   302 302 302 302 302 302 302 302 302 302
accept_invitation                       GET   404 404 404 404 404 404 404 404 404 404
accept_invitation                       POST  404 404 404 404 404 404 404 404 404 404
accounts:activity                       GET   200 200 200 200 200 200 404 403 404 302
accounts:activity_export                GET   200 200 200 200 200 200 404 403 404 302
accounts:add_top                        GET   200 403 403 403 403 403 403 403 403 302
accounts:add_top                        POST  302 403 403 403 403 403 403 403 403 302
accounts:add                            GET   200 403 200 200 403 403 404 403 404 302
accounts:add                            POST  302 403 302 302 403 403 404 403 404 302
accounts:import_below                   GET   200 403 200 200 403 403 404 403 404 302
accounts:import_below                   POST  302 403 302 302 403 403 404 403 404 302
accounts:import_at_top                  GET   200 403 403 403 403 403 403 403 403 302
accounts:import_at_top                  POST  302 403 403 403 403 403 403 403 403 302
accounts:edit                           GET   200 403 200 200 403 403 404 403 404 302
accounts:edit                           POST  302 403 302 302 403 403 404 403 404 302
accounts:move                           GET   200 403 200 403 403 403 404 403 404 302
accounts:move                           POST  302 403 302 403 403 403 404 403 404 302
accounts:suspend                        GET   200 403 200 403 403 403 404 403 404 302
accounts:suspend                        POST  302 403 302 403 403 403 404 403 404 302
accounts:reactivate                     GET   409 403 409 403 403 403 404 403 404 302
accounts:reactivate                     POST  409 403 409 403 403 403 404 403 404 302
tokens:developers                       GET   200 200 200 200 200 200 404 200 404 302
tokens:add                              GET   200 403 200 200 200 403 404 403 404 302
tokens:add                              POST  200 403 200 200 200 403 404 403 404 302
tokens:add_sdk                          GET   200 403 200 200 200 403 404 200 404 302
tokens:add_sdk                          POST  200 403 200 200 200 403 404 422 404 302
tokens:my_sdk_tokens                    GET   200 200 200 200 200 200 200 200 200 302
tokens:fleet                            GET   200 200 200 200 200 200 404 403 404 302
tokens:fleet_issue                      GET   200 403 200 200 200 403 404 403 404 302
tokens:fleet_issue                      POST  200 403 200 200 200 403 404 403 404 302
tokens:fleet_recall                     GET   200 403 200 200 200 403 404 403 404 302
tokens:fleet_recall                     POST  302 403 302 302 302 403 404 403 404 302
tokens:lost_device                      GET   200 200 200 200 200 403 200 403 404 302
tokens:lost_device                      POST  302 302 302 302 302 403 302 403 404 302
tokens:detail                           GET   200 200 200 200 200 200 404 404 404 302
tokens:edit                             GET   200 403 200 200 200 403 404 404 404 302
tokens:edit                             POST  302 403 302 302 302 403 404 404 404 302
tokens:deactivate                       GET   200 200 200 200 200 403 404 404 404 302
tokens:deactivate                       POST  302 302 302 302 302 403 404 404 404 302
tokens:reactivate                       GET   200 403 200 200 200 403 404 404 404 302
tokens:reactivate                       POST  302 403 302 302 302 403 404 404 404 302
tokens:revoke                           GET   200 403 200 200 200 403 404 404 404 302
tokens:revoke                           POST  302 403 302 302 302 403 404 404 404 302
tokens:condemn                          GET   200 403 200 200 200 403 404 404 404 302
tokens:condemn                          POST  302 403 302 302 302 403 404 404 404 302
tokens:remove                           GET   200 403 200 200 200 403 404 404 404 302
tokens:remove                           POST  302 403 302 302 302 403 404 404 404 302
tokens:export                           GET   200 200 200 200 200 200 404 403 404 302
tokens:duplicate                        GET   200 403 200 200 200 403 404 404 404 302
tokens:duplicate                        POST  200 403 200 200 200 403 404 404 404 302
tokens:rotate                           GET   200 403 200 200 200 403 404 404 404 302
tokens:rotate                           POST  200 403 200 200 200 403 404 404 404 302
tokens:extend                           GET   200 403 200 200 200 403 404 404 404 302
tokens:extend                           POST  302 403 302 302 302 403 404 404 404 302
tokens:end                              GET   200 403 200 200 200 403 404 404 404 302
tokens:end                              POST  302 403 302 302 302 403 404 404 404 302
tokens:cancel                           GET   200 403 200 200 200 403 404 404 404 302
tokens:cancel                           POST  302 403 302 302 302 403 404 404 404 302
tokens:key_create                       GET   200 403 200 200 200 403 404 403 404 302
tokens:key_create                       POST  200 403 200 200 200 403 404 403 404 302
tokens:key_renew                        GET   200 403 200 200 200 403 404 403 404 302
tokens:key_renew                        POST  200 403 200 200 200 403 404 403 404 302
tokens:key_revoke                       GET   200 403 200 200 200 403 404 403 404 302
tokens:key_revoke                       POST  302 403 302 302 302 403 404 403 404 302
tokens:key_reveal                       GET   200 403 200 200 200 403 404 403 404 302
tokens:key_reveal                       POST  200 403 200 200 200 403 404 403 404 302
tokens:key_promote                      GET   200 403 200 200 200 403 404 403 404 302
tokens:key_promote                      POST  302 403 302 302 302 403 404 403 404 302
tokens:key_signature                    GET   200 200 200 200 200 200 404 403 404 302
tokens:key_signature                    POST  200 200 200 200 200 200 404 403 404 302
account_login                           GET   302 302 302 302 302 302 302 302 302 200
account_logout                          GET   200 200 200 200 200 200 200 200 200 302
account_logout                          POST  302 302 302 302 302 302 302 302 302 302
account_inactive                        GET   200 200 200 200 200 200 200 200 200 200
account_signup                          GET   302 302 302 302 302 302 302 302 302 200
mfa_authenticate                        GET   302 302 302 302 302 302 302 302 302 302
mfa_login_webauthn                      GET   302 302 302 302 302 302 302 302 302 302
account_enrol                           GET   302 302 302 302 302 302 302 302 302 302
account_factors                         GET   200 200 200 200 200 200 200 200 200 302
account_add_app                         GET   200 200 200 200 200 200 200 200 200 302
account_add_passkey                     GET   200 200 200 200 200 200 200 200 200 302
account_recovery_codes                  GET   200 200 200 200 200 200 200 200 200 302
account_recovery_codes                  POST  409 409 409 200 409 409 409 409 409 302
account_rename_passkey                  GET   404 404 404 200 404 404 404 404 404 302
account_rename_passkey                  POST  404 404 404 302 404 404 404 404 404 302
account_remove_factor                   GET   404 404 404 200 404 404 404 404 404 302
account_remove_factor                   POST  404 404 404 302 404 404 404 404 404 302
account_session                         GET   200 200 200 200 200 200 200 200 200 302
account_session                         POST  200 200 200 200 200 200 200 200 200 302
account_end_session                     GET   404 404 404 302 404 404 404 404 404 302
account_end_session                     POST  404 404 404 302 404 404 404 404 404 302
account_end_other_sessions              GET   200 200 200 200 200 200 200 200 200 302
account_end_other_sessions              POST  302 302 302 302 302 302 302 302 302 302
account_change_password                 GET   200 200 200 200 200 200 200 200 200 302
account_reset_password                  GET   200 200 200 200 200 200 200 200 200 200
account_reset_password_done             GET   200 200 200 200 200 200 200 200 200 200
account_reset_password_from_key         GET   200 200 200 200 200 200 200 200 200 200
account_reset_password_from_key_done    GET   200 200 200 200 200 200 200 200 200 200
admin:index                             GET   200 200 302 302 302 302 302 302 302 302
admin:login                             GET   302 302 302 302 302 302 302 302 302 302
admin:logout                            POST  302 302 302 302 302 302 302 302 302 302
admin:password_change                   GET   302 302 302 302 302 302 302 302 302 302
admin:password_change_done              GET   200 200 302 302 302 302 302 302 302 302
admin:autocomplete                      GET   403 403 302 302 302 302 302 302 302 302
admin:jsi18n                            GET   200 200 302 302 302 302 302 302 302 302
admin:view_on_site                      GET   302 302 302 302 302 302 302 302 302 302
admin:app_list                          GET   200 200 302 302 302 302 302 302 302 302
"""

MODELS_IN_ADMIN = ("accounts_entity", "accounts_user", "accounts_membership", "accounts_auditevent", "tokens_token")
ADMIN_ROWS = """
changelist  GET  200 200 302 302 302 302 302 302 302 302
add         GET  403 403 302 302 302 302 302 302 302 302
add         POST 403 403 302 302 302 302 302 302 302 302
history     GET  200 200 302 302 302 302 302 302 302 302
delete      GET  403 403 302 302 302 302 302 302 302 302
delete      POST 403 403 302 302 302 302 302 302 302 302
change      GET  200 200 302 302 302 302 302 302 302 302
change      POST 403 403 302 302 302 302 302 302 302 302
"""
