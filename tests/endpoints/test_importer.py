from __future__ import annotations

import datetime
import io
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from endpoints.importer.piece import PieceResult, import_piece
from endpoints.importer.refusals import FileRefused
from endpoints.importer.scan import scan
from endpoints.models import Endpoint, EndpointUser, OptOut, OptOutEntry
from endpoints.services.opt_out import set_opt_out
from projects.models import Project
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
HEADER = "Id,ChannelType,Address,OptOut,User.UserId,User.UserAttributes.name,Attributes.a,Attributes.a,Metrics.m\n"


def load(
    project: Project, data: bytes | str, *, is_csv: bool = True, piece_bytes: int = 1 << 20, now: datetime.datetime = NOW
) -> list[PieceResult]:
    raw = data.encode() if isinstance(data, str) else data
    found = scan(io.BytesIO(raw), is_csv=is_csv, piece_bytes=piece_bytes)
    results = []
    for span in found.spans:
        with transaction.atomic():
            results.append(
                import_piece(
                    project=project, stream=io.BytesIO(raw[span.start : span.end]), header=found.header,
                    first_line=span.first_line, now=now, on_bytes=lambda _count: None,
                )
            )  # fmt: skip
    return results


def refusal(data: bytes, *, is_csv: bool = True) -> str:
    with pytest.raises(FileRefused) as caught:
        scan(io.BytesIO(data), is_csv=is_csv)
    return caught.value.message


def test_broken_csv_holds_line_by_line(data: Path) -> None:
    project = make_project()

    (result,) = load(project, (data / "broken.csv").read_bytes())

    assert result.processed == 21
    assert [(line.line, line.column, line.code) for line in result.refused] == [
        (4, "Address", "address_email"),
        (5, "Address", "address_missing"),
        (6, "ChannelType", "channel_missing"),
        (7, "ChannelType", "channel"),
        (8, "OptOut", "opt_out"),
        (9, "Location.Country", "country"),
        (10, "Location.Latitude", "latitude"),
        (11, "Metrics.spend", "metric"),
        (12, "User.UserAttributes.MBR_FULLNM", "value_long"),
        (13, "Address", "address_phone"),
        (16, "", "columns"),
        (17, "", "columns"),
        (18, "Id", "id"),
        (20, "Address", "address_email"),
    ]
    assert len(result.members) == 6
    assert Endpoint.objects.filter(project=project).count() == 6
    first = Endpoint.objects.get(project=project, endpoint_key="ok-1")
    assert first.address == "ok1b@example.com"
    assert first.location == {"Country": "KR", "Latitude": 37.5}
    assert first.metrics == {"spend": 11.0}
    assert first.user is not None
    assert first.user.attributes == {"MBR_FULLNM": ["김민준"], "status": ["휴면"], "hobby": ["축구", "등산"]}
    nameless = Endpoint.objects.get(project=project, address="noid@example.com")
    assert len(nameless.endpoint_id) == 36
    assert nameless.attributes == {"signup": ["2021-02-02"]}
    assert "hobby" not in EndpointUser.objects.get(project=project, user_id="u2").attributes
    assert EndpointUser.objects.get(project=project, user_id="u18").attributes["MBR_FULLNM"] == ['황 "큰" 채원']
    assert EndpointUser.objects.get(project=project, user_id="u20").attributes["MBR_FULLNM"] == ["<script>alert(1)</script>"]
    assert result.refused[10].raw.startswith("ok-15,EMAIL,ok15@example.com")


@pytest.mark.parametrize(
    ("content", "is_csv", "says"),
    [
        (b"\x1f\x8b\x08\x00rest", True, "Compressed"),
        (b"PK\x03\x04rest", True, "Unpack it first"),
        ("Id,Address\n1,김\n".encode("cp949"), True, "at byte 3 of line 2; it looks like CP949"),
        (b"Id,Address\n1,a\n2,\xff\xfe\n", True, "at byte 3 of line 3"),
        (b"Id,Addres\n1,2\n", True, "“Addres” is not one of Pinpoint's. Did you mean “Address”?"),
        (b"Id,Attributes." + b"x" * 51 + b"\n1,2\n", True, "51 characters; 50 is the limit"),
        (b"Id,Address,Address\n1,2,3\n", True, "stands in the header twice"),
        (b"", True, "nothing to import"),
        (b"Id,Address\n", True, "nothing to import"),
        (b"Id,Address\n\n\n", True, "nothing to import"),
        (b'Id,Address\n1,a\n2,"b\n3,c\n', True, "opens on line 3"),
        (b'Id,Address\n1,a\n2,"b\n3,c\n4,"d"\n', True, "opens on line 3"),
        (b'{"Id":"1"}\n', True, "looks like JSON lines"),
        (b"Id,Address\n1,2\n", False, "looks like CSV"),
    ],
)
def test_whole_files_are_refused_before_anything_is_written(content: bytes, is_csv: bool, says: str) -> None:
    with translation.override("en"):
        assert says in refusal(content, is_csv=is_csv)


def test_a_byte_order_mark_crlf_and_a_last_line_without_end_are_taken() -> None:
    project = make_project()

    (result,) = load(project, "\ufeffId,ChannelType,Address\r\na,EMAIL,a@example.com\r\nb,EMAIL,b@example.com")

    assert (result.processed, result.refused, len(result.members)) == (2, [], 2)


def test_a_stray_quote_refuses_its_own_line_alone() -> None:
    project = make_project()

    (result,) = load(project, 'Id,ChannelType,Address\na,EMAIL,"a"x@example.com\nb,EMAIL,b@example.com\n')

    assert [(line.line, line.code) for line in result.refused] == [(2, "stray_quote")]
    assert len(result.members) == 1


def test_a_line_break_in_a_value_refuses_that_record_and_later_numbers_are_right() -> None:
    project = make_project()

    (result,) = load(project, 'Id,ChannelType,Address\na,EMAIL,"a\nb"\n\nb,EMAIL,nobody\n')

    assert [(line.line, line.code) for line in result.refused] == [(2, "line_break"), (5, "address_email")]


def test_json_lines_are_taken_and_faults_named(data: Path) -> None:
    project = make_project()

    (result,) = load(project, (data / "members.jsonl").read_bytes(), is_csv=False)
    (bad,) = load(
        project,
        '{"Id":"x","ChannelType":"EMAIL","Address":"x@example.com","Atributes":{}}\n{"Id":\n{"Id":"y","ChannelType":"EMAIL","Address":"y@example.com","Metrics":{"a":"1"}}\n',
        is_csv=False,
    )

    assert (result.processed, len(result.members)) == (200, 200)
    assert [(line.line, line.code) for line in bad.refused] == [(1, "json_member"), (2, "json_syntax"), (3, "metric")]


def test_the_same_file_twice_makes_no_twins_and_changes_nothing(data: Path) -> None:
    project = make_project()
    raw = (data / "broken.csv").read_bytes()
    (first,) = load(project, raw)
    before = list(Endpoint.objects.order_by("id").values())

    (second,) = load(project, raw, now=NOW + datetime.timedelta(hours=1))

    assert first.members == second.members
    changed = [
        row["endpoint_id"] for row, old in zip(Endpoint.objects.order_by("id").values(), before, strict=True) if row != old
    ]
    assert changed == []


def test_pieces_give_what_one_piece_gives(data: Path) -> None:
    project, other = make_project(), make_project()
    raw = (data / "members.csv").read_bytes()

    results = load(project, raw, piece_bytes=20_000)
    load(other, raw)

    assert len(results) == 14
    assert sum(result.processed for result in results) == 2000
    columns = ("endpoint_id", "address", "opt_out", "attributes", "metrics", "location", "user__attributes")
    assert list(Endpoint.objects.filter(project=project).order_by("endpoint_id").values(*columns)) == list(
        Endpoint.objects.filter(project=other).order_by("endpoint_id").values(*columns)
    )


def test_an_import_merges_field_by_field_and_shares_user_attributes() -> None:
    project = make_project()
    load(project, HEADER + "e1,EMAIL,e1@example.com,,u1,김,x,y,1\ne2,EMAIL,e2@example.com,,u1,,,,\n")

    load(project, HEADER + "E1,,,ALL,,,z,,\ne2,,,,u1,이,,,\n")

    e1 = Endpoint.objects.get(project=project, endpoint_key="e1")
    assert (e1.endpoint_id, e1.address, e1.opt_out, e1.attributes, e1.metrics) == (
        "e1", "e1@example.com", "ALL", {"a": ["z"]}, {"m": 1.0},
    )  # fmt: skip
    assert e1.user is not None
    assert e1.user.attributes == {"name": ["이"]}
    assert OptOutEntry.objects.get().source == OptOutEntry.Source.IMPORT


def test_an_import_never_opts_in_again_who_opted_out_himself() -> None:
    project = make_project()
    load(project, HEADER + "e1,EMAIL,e1@example.com,NONE,,,,,\ne2,EMAIL,e2@example.com,ALL,,,,,\n")
    e1 = Endpoint.objects.get(endpoint_key="e1")
    set_opt_out(project_id=project.pk, endpoint_id=e1.pk, opt_out=OptOut.ALL, source=OptOutEntry.Source.LINK, now=NOW)

    (result,) = load(
        project,
        HEADER + "e1,EMAIL,e1@example.com,NONE,,,,,\ne2,EMAIL,e2@example.com,NONE,,,,,\n",
        now=NOW + datetime.timedelta(hours=1),
    )

    assert result.kept_opted_out == 1
    assert dict(Endpoint.objects.values_list("endpoint_key", "opt_out")) == {"e1": "ALL", "e2": "NONE"}


def test_a_phone_number_belongs_to_the_endpoint_updated_last_and_mail_addresses_may_be_shared() -> None:
    project = make_project()
    load(project, HEADER + "p1,SMS,+821012345678,,,,,,\nm1,EMAIL,a@example.com,,,,,,\n")

    load(project, HEADER + "p2,SMS,+821012345678,,,,,,\nm2,EMAIL,a@example.com,,,,,,\n", now=NOW + datetime.timedelta(hours=1))

    assert dict(Endpoint.objects.values_list("endpoint_key", "status")) == {
        "p1": "INACTIVE", "p2": "ACTIVE", "m1": "ACTIVE", "m2": "ACTIVE",
    }  # fmt: skip


def test_lines_without_id_are_matched_by_address() -> None:
    project = make_project()
    load(project, HEADER + "e1,EMAIL,e1@example.com,,,,,,\n")

    (result,) = load(
        project, HEADER + ",EMAIL,E1@example.com,,,,k,,\n,EMAIL,new@example.com,,,,1,,\n,EMAIL,NEW@example.com,,,,2,,\n"
    )

    assert len(result.members) == 2
    assert Endpoint.objects.get(endpoint_key="e1").attributes == {"a": ["k"]}
    assert Endpoint.objects.get(address_key="new@example.com").attributes == {"a": ["2"]}


def test_user_ids_alone_reach_the_users_endpoints() -> None:
    project = make_project()
    load(project, HEADER + "e1,EMAIL,e1@example.com,,u1,,,,\ne2,EMAIL,e2@example.com,,u1,,,,\n")

    (result,) = load(project, "User.UserId\nu1\nnobody\n")

    assert len(result.members) == 2
    assert [(line.line, line.code) for line in result.refused] == [(3, "user_unknown")]


def test_two_hundred_and_fifty_one_names_are_refused() -> None:
    project = make_project()
    header = "Id,ChannelType,Address," + ",".join(f"Attributes.n{i}" for i in range(251))

    with pytest.raises(FileRefused, match="251"):
        load(project, header + "\n1,EMAIL,a@example.com," + ",".join("x" for _ in range(251)) + "\n")
    assert not Endpoint.objects.exists()


def test_an_import_that_registers_nothing_finds_the_endpoints_that_its_lines_name() -> None:
    project = make_project()
    load(project, HEADER + "e1,EMAIL,e1@example.com,,u1,김,x,y,1\ne2,EMAIL,e2@example.com,,u2,,,,\n")
    before = list(Endpoint.objects.order_by("id").values())

    found = scan(
        io.BytesIO(RAW := (HEADER + "E1,,,ALL,,이,,,\n,EMAIL,e2@example.com,,,,,,\ne3,EMAIL,e3@example.com,,,,,,\n").encode()),
        is_csv=True,
    )
    result = import_piece(
        project=project, stream=io.BytesIO(RAW[found.spans[0].start :]), header=found.header, first_line=2, now=NOW,
        on_bytes=lambda _count: None, register=False,
    )  # fmt: skip

    assert len(result.members) == 2
    assert [(line.line, line.code) for line in result.refused] == [(4, "endpoint_unknown")]
    assert (result.processed, len(result.created), len(result.changed), result.unchanged) == (3, 0, 0, 0)
    assert list(Endpoint.objects.order_by("id").values()) == before


class _Trickle(io.BytesIO):
    """A file that comes byte by byte, so that lines are looked at one by one."""

    def read(self, _size: int | None = -1, /) -> bytes:
        return super().read(1)


_SCRAPS = st.sampled_from(["a", ",", "\n", "\n", '"', "\r\n", " ", "bb,c", "김", "{}", '"x"'])


@given(body=st.lists(_SCRAPS, max_size=40).map("".join), is_csv=st.booleans(), piece_bytes=st.sampled_from([1, 5, 20]))
def test_a_file_is_divided_alike_however_it_comes(body: str, is_csv: bool, piece_bytes: int) -> None:
    data = (("Id,Address\n" if is_csv else '{"Id": "1"}\n') + body).encode()

    def divided(stream: io.BytesIO) -> object:
        try:
            return scan(stream, is_csv=is_csv, piece_bytes=piece_bytes)
        except FileRefused as refusal:
            return refusal.code, refusal.params

    assert divided(io.BytesIO(data)) == divided(_Trickle(data))


def test_a_small_file_has_smaller_pieces_and_a_large_one_full_ones() -> None:
    line = b"e,EMAIL,a@example.com\n"
    raw = b"Id,ChannelType,Address\n" + line * ((6 << 20) // len(line))

    assert len(scan(io.BytesIO(raw), is_csv=True, total_bytes=len(raw)).spans) == 4
    assert len(scan(io.BytesIO(raw), is_csv=True, total_bytes=len(raw) * 10).spans) == 1
    assert len(scan(io.BytesIO(raw[: 1 << 19]), is_csv=True, total_bytes=1 << 19).spans) == 1
