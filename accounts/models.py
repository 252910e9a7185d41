"""People: users, their API keys, invitations and the audit trail."""

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    pass
