"""Event ids: kept, derived, made."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_core import ids


def test_new_ids_are_version_7_of_their_millisecond_and_all_differ() -> None:
    made = [ids.new_id(1_771_243_200_000) for _ in range(2000)]
    assert len(set(made)) == 2000
    for text in made:
        assert str(uuid.UUID(text)) == text
        assert uuid.UUID(text).version == 7
        assert uuid.UUID(text).variant == uuid.RFC_4122
        assert ids.time_of_uuid7(text) == 1_771_243_200_000


@given(st.text(max_size=80), st.text(max_size=80))
def test_derived_ids_are_what_uuid5_gives(tenant: str, part: str) -> None:
    namespace = uuid.uuid5(ids._NAMESPACE, tenant)
    assert ids.derived_id(tenant, "kind", part, "2") == str(uuid.uuid5(namespace, f"kind\0{part}\x002"))


def test_two_tenants_never_share_a_derived_id() -> None:
    assert ids.derived_id("a", "client_event_id", "1") != ids.derived_id("b", "client_event_id", "1")


@pytest.mark.parametrize("text", ["", "0" * 8 + "-0000" * 3 + "-" + "0" * 12, "F" * 8 + "-fFfF" * 3 + "-" + "f" * 12])
def test_nil_and_max_say_nothing(text: str) -> None:
    assert ids.is_no_id(text)


@pytest.mark.parametrize("text", ["6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"])
def test_a_uuid_is_kept_in_lower_case(text: str) -> None:
    assert ids.normal_uuid(text) == "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


@pytest.mark.parametrize("text", ["6ba7b8109dad11d180b400c04fd430c8", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "x" * 36])
def test_other_forms_are_no_uuid(text: str) -> None:
    assert ids.normal_uuid(text) is None


def test_only_version_7_holds_a_time() -> None:
    assert ids.time_of_uuid7("6ba7b810-9dad-11d1-80b4-00c04fd430c8") is None
