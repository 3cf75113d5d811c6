"""The mails that Keyhouse sends of itself. What a link in them holds is known to nobody else, our logs included."""

import logging
from smtplib import SMTPException

from django.core.mail import send_mail
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.models import Invitation

log = logging.getLogger(__name__)


@sensitive_variables()
def send_invitation(invitation: Invitation, *, link: str) -> bool:
    """Mail the `link` of `invitation` to its address; return whether the mail server took it.

    Called after the invitation is stored: while a mail server is slow, nothing waits for the database.
    """
    place = invitation.entity.name if invitation.entity else "Keyhouse"
    text = _(
        """Hello,

%(who)s invites you to “%(place)s” on Keyhouse, as %(role)s.

Open this link to accept. It works once, until %(until)s UTC:

%(link)s

It is meant for you alone; do not pass it on. If you did not expect it, do nothing:
nobody gets access until the link is used.
"""
    ) % {
        "who": invitation.invited_by,
        "place": place,
        "role": invitation.get_role_display(),
        "until": f"{invitation.expires_at:%Y-%m-%d %H:%M}",
        "link": link,
    }
    try:
        send_mail(_("You are invited to “%(place)s”") % {"place": place}, text, None, [invitation.email])
    except (SMTPException, OSError) as error:
        log.error("The mail of %s was not sent: %s", invitation.invitation_id, type(error).__name__)
        return False
    return True
