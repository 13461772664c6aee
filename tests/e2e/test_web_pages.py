"""The script for web pages in Chromium, on a site of another origin; and the page on which a marketer gets it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, Page, expect

from analytics.event_names import names_of
from analytics.models import Event
from core import clock
from endpoints.collecting import door
from endpoints.models import Endpoint
from endpoints.services import collecting
from endpoints.web_pages import keys
from projects.models import Project, PublicKey
from projects.services import public_keys
from tests.console.hostile import SCRIPT
from tests.console.world import logged_in
from tests.e2e.conftest import origin, shoot, speak, watched_page
from tests.e2e.site import Site, delivered, kept, visit, written
from tests.endpoints.web_page import Page as Signing
from tests.endpoints.web_page import collector
from tests.factories.projects import make_project, make_public_key

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

HALF_AN_HOUR = 30 * 60 * 1000  # ms


@pytest.fixture
def project(clean_redis: Any) -> Project:
    return make_project()


@pytest.fixture
def server(settings: Any) -> Iterator[str]:
    door._meter._begin(-1)
    with collector() as found:
        settings.PUBLIC_URL = found
        yield found


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def snippet(key: PublicKey) -> str:
    return next(card.snippet for card in keys(project=key.project)[0] if card.key == key)


@pytest.fixture
def key(project: Project, site: Site, server: str) -> PublicKey:
    made = make_public_key(project=project, origins=(site.origin,))
    site.pages["/"] = snippet(made)
    return made


def told(project: Project) -> list[tuple[str, dict[str, Any]]]:
    """Types and attributes of all events, in their order."""
    names = names_of(project_id=project.pk)
    rows = Event.objects.filter(project_id=project.pk).order_by("occurred_at", "id")
    return [(names[row.kind], (row.data or {}).get("attributes", {})) for row in rows]


def counts(project: Project) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, _attributes in told(project):
        found[name] = found.get(name, 0) + 1
    return found


def test_a_page_view_a_session_and_events_with_attributes_and_metrics_arrive(
    browser: Browser, site: Site, key: PublicKey, project: Project
) -> None:
    with visit(browser) as visitor:
        page = visitor.open(site.origin + "/sale?utm_source=mail&token=secret")
        page.evaluate(
            "pabal('event', 'cart.viewed', {category: '신발', empty: '', long: 'x'.repeat(300)}, {price: 12.5, no: 'number'})"
        )
        page.evaluate("pabal('purchase', {product: 'A-1', price: 9900, quantity: 2, currency: 'KRW', transaction: 'T-7'})")
        delivered(page)

    one = Endpoint.objects.get()
    assert (one.channel_type, one.endpoint_id[:4], one.user) == ("IN_APP", "web-", None)
    assert (one.demographic["Locale"], one.demographic["Timezone"], one.demographic["Platform"]) == ("ko_KR", "Asia/Seoul", "Web")
    events = dict(told(project))
    assert events["pageView"] == {
        "url": site.origin + "/sale", "title": "가게 /sale?utm_source=mail&token=secret", "utm_source": "mail",
    }  # fmt: skip
    assert events["cart.viewed"] == {"category": "신발", "long": "x" * 200}
    assert events["_monetization.purchase"] == {"_product_id": "A-1", "_currency": "KRW", "_transaction_id": "T-7"}
    assert counts(project) == {"_session.start": 1, "pageView": 1, "cart.viewed": 1, "_monetization.purchase": 1}
    bought = Event.objects.get(kind=37)
    assert bought.data is not None
    assert bought.data["metrics"] == {"_item_price": 9900, "_quantity": 2}
    assert bought.data["session"]["id"]


def test_pages_of_an_application_of_one_page_are_seen_by_their_addresses(
    browser: Browser, site: Site, key: PublicKey, project: Project
) -> None:
    with visit(browser) as visitor:
        page = visitor.open(site.origin + "/a")
        for step in (
            "history.pushState({}, '', '/b')", "history.replaceState({}, '', '/b')", "history.pushState({}, '', '/b?tab=2')",
            "history.back()", "location.hash = '#part'", "location.hash = '#/route'",
        ):  # fmt: skip
            page.evaluate(step)
            page.evaluate("new Promise((done) => setTimeout(done, 30))")
        delivered(page)

    views = [(view["url"], view.get("referrer", "")) for name, view in told(project) if name == "pageView"]
    at = site.origin
    assert views == [
        (at + "/a", ""), (at + "/b", at + "/a"), (at + "/b", at + "/b"), (at + "/b", at + "/b"), (at + "/b#/route", at + "/b"),
    ]  # fmt: skip


def test_an_offline_page_loses_nothing_and_what_was_sent_twice_counts_once(
    browser: Browser, site: Site, key: PublicKey, project: Project
) -> None:
    with visit(browser) as visitor:
        page = visitor.open(site.origin)
        delivered(page)
        visitor.context.set_offline(True)
        for number in range(5):
            page.evaluate(f"pabal('event', 'made.offline', {{number: '{number}'}})")
        page.evaluate("pabal('flush')")
        page.wait_for_function("Object.keys(localStorage).filter((name) => /^pabal\\.[^.]*\\.e/.test(name)).length === 5")
        before = collecting.drain_batches()
        visitor.context.set_offline(False)  # the browser says so to the page
        page.wait_for_function("!Object.keys(localStorage).some((name) => /^pabal\\.[^.]*\\.e/.test(name))")
        collecting.drain_batches()

        last = visitor.sent[-1]
        page.evaluate("body => fetch(document.scripts[1].src.replace('.js', '/1/put'), {method: 'POST', body})", last)
        collecting.drain_batches()

    assert before == 0
    assert counts(project)["made.offline"] == 5


def test_what_a_page_could_not_send_is_sent_by_the_next_one(
    browser: Browser, site: Site, key: PublicKey, project: Project, settings: Any
) -> None:
    with visit(browser) as visitor:
        page = visitor.open(site.origin)
        delivered(page)
        limit, settings.WEB_REQUESTS_PER_ADDRESS = settings.WEB_REQUESTS_PER_ADDRESS, 0
        with page.expect_response(lambda answer: answer.status == 429):
            page.evaluate("pabal('event', 'last.words'); pabal('flush')")
        page.close()
        assert collecting.drain_batches() == 0
        settings.WEB_REQUESTS_PER_ADDRESS = limit
        visitor.open(site.origin)
        written(2)  # and the view of the page

    assert counts(project) == {"_session.start": 1, "pageView": 2, "last.words": 1}


def test_an_event_just_before_the_page_is_left_arrives(browser: Browser, site: Site, key: PublicKey, project: Project) -> None:
    with visit(browser) as visitor:
        page = visitor.open(site.origin)
        delivered(page)
        page.evaluate("pabal('event', 'clicked.away'); location.href = 'about:blank'")
        page.wait_for_url("about:blank")
        written(1)

    assert counts(project)["clicked.away"] == 1


def test_two_tabs_are_one_visitor_in_one_session(browser: Browser, site: Site, key: PublicKey, project: Project) -> None:
    with visit(browser) as visitor:
        first, second = visitor.open(site.origin + "/a"), visitor.open(site.origin + "/b")
        for page in (first, second, first):
            page.evaluate("pabal('event', 'clicked')")
        delivered(first)
        delivered(second)

    sessions = {(row.data or {})["session"]["id"] for row in Event.objects.all()}
    assert len(sessions) == 1
    assert Endpoint.objects.count() == 1
    assert counts(project) == {"_session.start": 1, "pageView": 2, "clicked": 3}


def test_half_an_hour_without_an_event_ends_a_session(browser: Browser, site: Site, key: PublicKey, project: Project) -> None:
    with visit(browser) as visitor:
        page = visitor.context.new_page()
        page.clock.install(time=clock.now() - (clock.now() - clock.now().replace(microsecond=0)))
        page.goto(site.origin)
        page.clock.run_for(60_000)
        page.evaluate("pabal('event', 'still.there')")
        page.clock.run_for(HALF_AN_HOUR - 5_000)
        page.evaluate("pabal('event', 'and.still')")
        page.clock.run_for(HALF_AN_HOUR + 5_000)
        page.evaluate("pabal('event', 'back.again')")
        page.clock.run_for(5_000)
        page.wait_for_function("!Object.keys(localStorage).some((name) => /^pabal\\.[^.]*\\.e/.test(name))")
        collecting.drain_batches()

    assert counts(project) == {
        "_session.start": 2,
        "_session.stop": 1,
        "pageView": 1,
        "still.there": 1,
        "and.still": 1,
        "back.again": 1,
    }
    stop = Event.objects.get(kind=31)
    assert stop.data is not None
    assert 31 * 60_000 - 10_000 <= stop.data["session"]["duration"] <= 31 * 60_000 + 10_000


def test_without_consent_nothing_is_kept_and_nothing_is_sent(browser: Browser, site: Site, project: Project, server: str) -> None:
    key = make_public_key(project=project, origins=(site.origin,), needs_consent=True)
    site.pages["/"] = snippet(key)
    with visit(browser) as visitor:
        page = visitor.open(site.origin)
        page.evaluate("pabal('event', 'before')")
        page.evaluate("pabal('flush')")
        page.evaluate("history.pushState({}, '', '/b')")
        page.evaluate("new Promise((done) => setTimeout(done, 1500))")
        silent = (kept(page), visitor.context.cookies(), list(visitor.sent))
        page.evaluate("pabal('consent', true)")
        delivered(page)
        agreed, sent = told(project), len(visitor.sent)
        page.evaluate("pabal('consent', false); pabal('event', 'after')")
        page.evaluate("new Promise((done) => setTimeout(done, 1500))")
        withdrawn = kept(page)
        again = visitor.open(site.origin)
        again.evaluate("new Promise((done) => setTimeout(done, 1200))")

    assert silent == ([], [], [])
    assert sorted(name for name, _attributes in agreed) == ["_session.start", "before", "pageView"]
    assert dict(agreed)["pageView"]["url"] == site.origin + "/b"  # the page on which the visitor agreed
    assert withdrawn == []
    assert len(visitor.sent) == sent
    assert collecting.drain_batches() == 0


@pytest.mark.parametrize("asks", ["doNotTrack', {get: () => '1'", "globalPrivacyControl', {get: () => true"])
def test_a_browser_that_says_do_not_track_is_asked_first(
    browser: Browser, site: Site, key: PublicKey, project: Project, asks: str
) -> None:
    with visit(browser) as visitor:
        visitor.context.add_init_script(f"Object.defineProperty(navigator, '{asks}}})")
        page = visitor.open(site.origin)
        page.evaluate("new Promise((done) => setTimeout(done, 1200))")
        silent = (kept(page), list(visitor.sent))
        page.evaluate("pabal('consent', true)")
        delivered(page)

    assert silent == ([], [])
    assert counts(project) == {"_session.start": 1, "pageView": 1}


def test_where_storage_is_refused_the_page_goes_on_and_events_arrive(
    browser: Browser, site: Site, key: PublicKey, project: Project
) -> None:
    with visit(browser) as visitor:
        visitor.context.add_init_script(
            "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
        )
        page = visitor.open(site.origin)
        page.evaluate("pabal('event', 'from.memory')")
        written(3)

    assert counts(project) == {"_session.start": 1, "pageView": 1, "from.memory": 1}


def test_no_call_throws_into_the_page(browser: Browser, site: Site, key: PublicKey, project: Project) -> None:
    with visit(browser) as visitor:
        page = visitor.open(site.origin)
        for call in (
            "'nonsense'", "", "'event'", "'event', null, null, null", "'event', 'x', {get a() { throw 1 }}", "'purchase'", "'identify'",
            "'identify', {}, {attributes: Symbol.iterator}", "'event', 'y', 7, 'z'", "'page', 5", "'consent'",
        ):  # fmt: skip
            page.evaluate(f"pabal({call})")
        page.evaluate(
            "pabal('consent', true); Object.keys(localStorage).forEach((name) => localStorage.setItem(name, '{broken'))"
        )
        page.evaluate("pabal('event', 'z'); pabal('flush')")
        page.evaluate("new Promise((done) => setTimeout(done, 1500))")

    assert visitor.faults == []


def test_a_revoked_key_stops_the_script_and_leaves_nothing_behind(
    browser: Browser, site: Site, key: PublicKey, project: Project
) -> None:
    with visit(browser) as visitor:
        page = visitor.open(site.origin)
        delivered(page)
        public_keys.revoke_key(key=key, actor=project.created_by, now=clock.now())
        page.evaluate("pabal('event', 'too.late'); pabal('flush')")
        page.wait_for_function("!Object.keys(localStorage).some((name) => /^pabal\\.[^.]*\\.e/.test(name))")
        page.evaluate("pabal('event', 'much.too.late')")
        page.evaluate("new Promise((done) => setTimeout(done, 1500))")
        sent = len(visitor.sent)
        other = visitor.open(site.origin)
        assert other.evaluate("typeof pabal") == "function"  # what the page itself wrote; the script is gone

    assert sent == 2
    assert collecting.drain_batches() == 0
    assert "too.late" not in counts(project)


def test_a_page_of_an_origin_that_is_not_allowed_brings_nothing(
    browser: Browser, site: Site, project: Project, server: str
) -> None:
    site.pages["/"] = snippet(make_public_key(project=project, origins=("https://elsewhere.example",)))
    with visit(browser) as visitor:
        page = visitor.open(site.origin)
        page.wait_for_function("Object.keys(localStorage).length > 0")
        page.evaluate("pabal('flush')")
        page.wait_for_event("requestfailed")

    assert visitor.sent
    assert collecting.drain_batches() == 0


def test_a_pinned_version_runs_by_its_integrity_and_no_other(browser: Browser, site: Site, project: Project, server: str) -> None:
    key = make_public_key(project=project, origins=(site.origin,), needs_consent=True)
    card = keys(project=project)[0][0]
    assert card.key == key
    site.pages["/"] = card.pinned
    site.pages["/changed"] = re.sub(r"sha384-....", "sha384-AAAA", card.pinned)
    with visit(browser) as visitor:
        page = visitor.open(site.origin)
        page.wait_for_function("pabal.version")
        page.evaluate("pabal('consent', true)")
        delivered(page)
        other = visitor.open(site.origin + "/changed")
        other.wait_for_load_state("load")
        assert other.evaluate("pabal.version") is None

    assert counts(project) == {"_session.start": 1, "pageView": 1}


def test_who_signed_in_is_the_user_and_after_a_log_out_somebody_else_is(
    browser: Browser, site: Site, key: PublicKey, project: Project
) -> None:
    signed = Signing("", key).identity("kim", email="kim@example.com")["Signature"]
    with visit(browser) as visitor:
        page = visitor.open(site.origin)
        call = (
            f"pabal('identify', 'kim', {{signature: '{signed}', email: 'kim@example.com', optIn: true, attributes: {{theme: 'dark'}}, "
            "userAttributes: {likes: ['a', 'b']}})"
        )
        page.evaluate(call)
        delivered(page)
        page.evaluate(call)  # on each page, as sites do
        page.evaluate("pabal('event', 'of.kim')")
        delivered(page)
        page.evaluate("pabal('reset'); pabal('event', 'of.somebody')")
        delivered(page)

    web = Endpoint.objects.filter(channel_type="IN_APP").select_related("user").order_by("pk")
    assert [one.user.user_id if one.user else None for one in web] == ["kim", None]
    assert web[0].attributes == {"theme": ["dark"]}
    assert web[0].user is not None
    assert web[0].user.attributes == {"likes": ["a", "b"]}
    assert Endpoint.objects.get(channel_type="EMAIL").opt_out == "NONE"
    assert sum('"Identity"' in body for body in visitor.sent) == 1
    of = {name: row for row in Event.objects.all() if (name := names_of(project_id=project.pk)[row.kind]).startswith("of.")}
    assert (of["of.kim"].endpoint_id, of["of.somebody"].endpoint_id) == (web[0].pk, web[1].pk)


def log_in(page: Page, project: Project) -> str:
    session = logged_in(project.created_by).cookies[django_settings.SESSION_COOKIE_NAME].value
    page.goto("/")
    page.context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": origin(page)}])
    speak(page, "en")
    return f"/p/{project.public_id}/settings/"


def test_a_marketer_makes_a_key_copies_what_belongs_into_the_page_and_sees_that_it_works(
    browser: Browser, live_server: Any, site: Site, project: Project, server: str
) -> None:
    with watched_page(browser, live_server.url) as page:
        settings_page = log_in(page, project)
        page.goto(settings_page)
        page.get_by_role("link", name="Web pages").click()
        expect(page.get_by_text("No key yet")).to_be_visible()
        page.get_by_role("link", name="Make a key").click()
        page.get_by_label("Name", exact=True).fill("가게")
        page.get_by_label("Origins").fill("shop")
        page.get_by_role("button", name="Save the key").click()
        expect(page.get_by_text("“shop” is not an origin.")).to_be_visible()
        page.get_by_label("Origins").fill(site.origin + "/")
        shoot(page, settings_page + "web-pages/keys/new/", "web-pages-new")
        speak(page, "en")
        page.goto(settings_page + "web-pages/keys/new/")
        page.get_by_label("Name", exact=True).fill("가게")
        page.get_by_label("Origins").fill(site.origin + "/")
        page.get_by_role("button", name="Save the key").click()
        expect(page.get_by_text("Nothing seen today")).to_be_visible()
        site.pages["/"] = page.locator("[data-copy-target=text]").first.inner_text()
        with visit(browser) as visitor:
            shown = visitor.open(site.origin + "/sale")
            shown.evaluate("text => pabal('event', 'cart.viewed', {category: text, [text.slice(0, 50)]: text})", SCRIPT)
            shown.evaluate("pabal('identify', 'kim', {signature: 'wrong'})")
            shown.evaluate("pabal('event', '_email.open')")
            delivered(shown)
        seen = page.locator("#seen li")
        expect(seen.filter(has_text="cart.viewed")).to_be_visible()  # by itself
        expect(seen.filter(has_text="pageView")).to_be_visible()
        expect(page.get_by_text("Not taken today")).to_be_visible()
        shoot(page, settings_page + "web-pages/", "web-pages")
        speak(page, "en")
        page.goto(settings_page + "web-pages/")
        page.locator("#seen li").filter(has_text="cart.viewed").get_by_role("link").click()
        expect(page.get_by_text("cart.viewed").first).to_be_visible()
        shoot(page, page.url, "web-pages-person")
        speak(page, "en")
        page.goto(settings_page + "web-pages/")
        page.get_by_role("link", name="Change").click()
        shoot(page, page.url, "web-pages-key")
        speak(page, "en")
        page.goto(settings_page + "web-pages/")
        page.get_by_role("button", name="Revoke").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.get_by_text("No key yet")).to_be_visible()
        expect(page.get_by_text("1 revoked key")).to_be_visible()
