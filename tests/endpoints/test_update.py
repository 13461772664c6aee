from __future__ import annotations

import datetime
import threading
from typing import Any

import pytest
from django.db import connection

from endpoints.models import AttributeName, Endpoint, EndpointUser, OptOutEntry
from endpoints.services.update import Accepted, delete_endpoints, delete_user_endpoints, update_endpoints
from endpoints.writing.refusals import ItemRefused
from projects.models import Project
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)


def update(project: Project, *items: dict[str, Any], hours: int = 0) -> list[Accepted | ItemRefused]:
    return update_endpoints(
        project=project, items=items, source=OptOutEntry.Source.API, now=NOW + datetime.timedelta(hours=hours)
    )


def mail(name: str, **members: Any) -> dict[str, Any]:
    return {"Id": name, "ChannelType": "EMAIL", "Address": f"{name.lower()}@example.com"} | members


def token(name: str, value: str, channel: str = "GCM", **members: Any) -> dict[str, Any]:
    return {"Id": name, "ChannelType": channel, "Address": value} | members


def codes(answers: list[Accepted | ItemRefused]) -> list[str]:
    return [answer.code if isinstance(answer, ItemRefused) else "" for answer in answers]


def test_a_new_endpoint_is_active_with_a_cohort_and_its_names_in_the_catalogue() -> None:
    project = make_project()

    (answer,) = update(
        project,
        mail(
            "E1", Attributes={"signup": ["2026-01-01"]}, Metrics={"m": 2}, User={"UserId": "u", "UserAttributes": {"n": ["김"]}}
        ),
    )

    endpoint = Endpoint.objects.get(project=project)
    assert answer == Accepted(id=endpoint.pk, is_new=True)
    assert (endpoint.endpoint_id, endpoint.endpoint_key, endpoint.status, endpoint.opt_out) == ("E1", "e1", "ACTIVE", "NONE")
    assert (endpoint.effective_at, endpoint.created_at) == (NOW, NOW)
    assert 0 <= endpoint.cohort_id <= 99
    assert endpoint.user is not None
    assert endpoint.user.attributes == {"n": ["김"]}
    assert sorted(AttributeName.objects.values_list("kind", "name", "looks_like_date")) == [
        ("ATTRIBUTE", "signup", True),
        ("METRIC", "m", False),
        ("USER_ATTRIBUTE", "n", False),
    ]


def test_absent_fields_keep_maps_merge_by_key_and_an_empty_list_takes_its_key_away() -> None:
    project = make_project()
    update(project, mail("e1", Attributes={"a": ["1"], "b": ["2"]}, Metrics={"m": 1.0}, Location={"City": "서울"}))

    update(project, {"Id": "E1", "Attributes": {"a": [], "c": ["3", "4"]}, "Location": {"Country": "KR"}}, hours=1)

    endpoint = Endpoint.objects.get()
    assert endpoint.address == "e1@example.com"
    assert endpoint.attributes == {"b": ["2"], "c": ["3", "4"]}
    assert endpoint.metrics == {"m": 1.0}
    assert endpoint.location == {"City": "서울", "Country": "KR"}
    assert endpoint.effective_at == NOW + datetime.timedelta(hours=1)


def test_user_attributes_are_shared_by_the_users_endpoints_in_item_order() -> None:
    project = make_project()

    update(
        project,
        mail("e1", User={"UserId": "u", "UserAttributes": {"n": ["1"], "gone": ["x"]}}),
        mail("e2", User={"UserId": "u", "UserAttributes": {"n": ["2"], "gone": []}}),
    )

    assert EndpointUser.objects.get().attributes == {"n": ["2"]}
    assert Endpoint.objects.filter(user__user_id="u").count() == 2


def test_faulty_items_are_refused_alone_and_change_nothing() -> None:
    project = make_project()

    answers = update(
        project,
        mail("e1"),
        {"ChannelType": "EMAIL", "Address": "x@example.com"},
        {"Id": "e2", "Address": "e2@example.com"},
        mail("e3", Address="not an address", User={"UserId": "u3"}),
        mail("e4", Attributes={"a": ["x"] * 51}),
        mail(
            "e5", Attributes={f"a{n}": ["x" * 100] * 10 for n in range(20)}, User={"UserId": "u5", "UserAttributes": {"n": ["1"]}}
        ),
        mail("e$"),
    )

    assert codes(answers) == ["", "id_missing", "channel_missing", "address_email", "values_many", "too_big", "id"]
    assert list(Endpoint.objects.values_list("endpoint_id", flat=True)) == ["e1"]
    assert not EndpointUser.objects.exists()
    assert not AttributeName.objects.exists()


def test_the_endpoint_written_last_keeps_a_token_and_comes_back_with_it() -> None:
    project = make_project()
    update(project, token("old", "t1"))
    update(project, token("new", "t1"), token("twin", "t2"), token("last", "t2"), hours=1)
    assert dict(Endpoint.objects.values_list("endpoint_id", "status")) == {
        "old": "INACTIVE", "new": "ACTIVE", "twin": "INACTIVE", "last": "ACTIVE",
    }  # fmt: skip

    update(project, {"Id": "old"}, hours=2)

    assert Endpoint.objects.get(endpoint_id="old").status == "ACTIVE"
    assert Endpoint.objects.get(endpoint_id="new").status == "INACTIVE"


def test_a_sixteenth_push_endpoint_moves_the_oldest_aside_and_a_sixteenth_mail_endpoint_is_refused() -> None:
    project = make_project()
    user = {"UserId": "u"}
    for number in range(14):
        update(project, mail(f"m{number}", User=user))
    update(project, token("p1", "t1", "APNS_SANDBOX", User=user), hours=1)

    (refused,) = update(project, mail("m15", User=user), hours=2)
    (taken,) = update(project, token("p2", "t2", User=user), hours=3)

    assert isinstance(refused, ItemRefused)
    assert (refused.code, refused.message) == ("user_full", "The user “u” has 15 endpoints already, the limit of one user.")
    assert isinstance(taken, Accepted)
    aside = Endpoint.objects.get(endpoint_id="p1")
    assert (aside.status, aside.user_id) == ("INACTIVE", None)
    assert Endpoint.objects.filter(user__user_id="u").count() == 15
    assert not Endpoint.objects.filter(endpoint_id="m15").exists()


def test_names_beyond_the_projects_limit_are_refused(settings: Any) -> None:
    settings.ATTRIBUTE_NAMES_LIMIT = 2
    project = make_project()

    answers = update(
        project,
        mail("e1", Attributes={"a": ["1"]}),
        mail("e2", Metrics={"b": 1, "c": 2}),
        mail("e3", User={"UserId": "u", "UserAttributes": {"d": ["1"]}}),
    )

    assert codes(answers) == ["", "names_full", ""]
    assert sorted(AttributeName.objects.values_list("name", flat=True)) == ["a", "d"]


def test_opting_out_and_in_again_is_on_record() -> None:
    project = make_project()
    update(project, mail("e1", OptOut="ALL"))
    update(project, {"Id": "e1", "OptOut": "NONE"})
    update(project, {"Id": "e1", "OptOut": "NONE"})

    assert list(OptOutEntry.objects.order_by("id").values_list("opt_out", "source")) == [("ALL", "API"), ("NONE", "API")]


def test_deleting_the_last_endpoint_deletes_the_user_and_no_other_projects() -> None:
    project, other = make_project(), make_project()
    for one in (project, other):
        update(one, mail("e1", User={"UserId": "u"}), mail("e2", User={"UserId": "u"}), mail("e3", OptOut="ALL"))

    assert delete_endpoints(project=project, endpoint_ids=["E1", "nobody"]) == 1
    assert EndpointUser.objects.filter(project=project).count() == 1
    assert delete_user_endpoints(project=project, user_id="u") == 1
    assert delete_endpoints(project=project, endpoint_ids=["e3"]) == 1

    assert not Endpoint.objects.filter(project=project).exists()
    assert not EndpointUser.objects.filter(project=project).exists()
    assert Endpoint.objects.filter(project=other).count() == 3
    assert OptOutEntry.objects.filter(project=other).count() == 1


@pytest.mark.django_db(transaction=True)
def test_writers_of_one_token_one_user_and_one_endpoint_side_by_side_leave_one_owner_and_lose_nothing() -> None:
    project = make_project()
    faults: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for turn in range(10):
                update(
                    project,
                    token(f"t{writer}", "shared", User={"UserId": "u", "UserAttributes": {f"w{writer}": [str(turn)]}}),
                    mail("one", Attributes={f"w{writer}": [str(turn)]}, User={"UserId": f"u{writer}"}),
                )
        except BaseException as fault:  # noqa: BLE001  # shown by the assertion below
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=[writer]) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert Endpoint.objects.filter(address="shared", status="ACTIVE").count() == 1
    assert EndpointUser.objects.get(user_id="u").attributes == {f"w{writer}": ["9"] for writer in range(4)}
    assert Endpoint.objects.get(endpoint_id="one").attributes == {f"w{writer}": ["9"] for writer in range(4)}
