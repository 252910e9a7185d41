"""Users: nobody can pass for another by the case of a letter."""

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.tests.builders import make_user


@pytest.mark.django_db
def test_names_and_addresses_are_unique_in_any_case() -> None:
    make_user("carol")
    for name, email in (("Carol", "other@example.org"), ("other", "CAROL@example.org")):
        with pytest.raises(IntegrityError), transaction.atomic():
            make_user(name, email=email)
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_many_may_have_no_address() -> None:
    make_user("carol", email="")
    make_user("dave", email="")
    assert User.objects.filter(email="").count() == 2
