"""The live socket: whose frames arrive, who is refused, and when it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.test import Client

from accounts.models import User
from dashboard import consumers, session_watch
from dashboard.consumers import MAX_MESSAGE, MOST_SAID, NOT_SIGNED_IN, PONG_REST_SECONDS
from dashboard.routing import websocket_urlpatterns
from dashboard.session_watch import living_sessions, watch
from tradehub.lib.clock import utc_now
from tradehub.lib.live import group_of

pytestmark = pytest.mark.django_db(transaction=True)

Scene = Callable[[], Awaitable[None]]
PATIENCE = 20
"""Seconds, for what is sure to come."""


@pytest.fixture(autouse=True)
def _own_layer() -> Iterator[None]:
    """In memory and fresh: its queues belong to the event loop of one test."""
    before = channel_layers.set("default", InMemoryChannelLayer())
    yield
    channel_layers.set("default", before)


def socket_of(client: Client | None) -> WebsocketCommunicator:
    headers = [(b"origin", b"http://testserver"), (b"host", b"testserver")]
    if client is not None:
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()))
    router = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
    return WebsocketCommunicator(router, "/ws/live/", headers=headers)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


async def opened(client: Client) -> WebsocketCommunicator:
    socket = socket_of(client)
    connected, _ = await socket.connect(timeout=PATIENCE)
    assert connected
    assert (await socket.receive_json_from(timeout=PATIENCE))["type"] == "hello"
    return socket


async def push(user: User, *frames: dict[str, Any]) -> None:
    event = {"type": "live.frames", "frames": list(frames)}
    await get_channel_layer().group_send(group_of(user.pk), event)


def play(scene: Scene) -> None:
    asyncio.run(scene())  # type: ignore[arg-type]  # every scene is a coroutine function


def test_a_visitor_is_refused() -> None:
    async def scene() -> None:
        socket = socket_of(None)
        assert await socket.connect(timeout=PATIENCE) == (False, NOT_SIGNED_IN)

    play(scene)


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (b"http://testserver", True),
        (b"http://testserver:9", False),
        (b"https://evil.example", False),
    ],
)
def test_only_pages_of_this_hub_may_open_it(alice: User, origin: bytes, welcome: bool) -> None:
    """Through the application as it is served: a cookie alone is not enough."""
    from tradehub.asgi import application  # importing it sets the whole server up

    client = signed_in(alice)

    async def scene() -> None:
        socket = socket_of(client)
        socket.scope["headers"][0] = (b"origin", origin)
        socket.application = application
        connected, _ = await socket.connect(timeout=PATIENCE)
        assert connected is welcome
        await socket.disconnect(timeout=PATIENCE)

    play(scene)


def test_a_session_that_is_gone_is_refused(alice: User) -> None:
    client = signed_in(alice)
    Session.objects.all().delete()

    async def scene() -> None:
        assert await socket_of(client).connect(timeout=PATIENCE) == (False, NOT_SIGNED_IN)

    play(scene)


def test_each_frame_arrives_as_its_own_text_in_order(alice: User) -> None:
    client = signed_in(alice)

    async def scene() -> None:
        socket = await opened(client)
        await push(alice, {"type": "order", "id": "ord_1", "version": 2}, {"type": "mark"})
        assert (await socket.receive_json_from(timeout=PATIENCE))["id"] == "ord_1"
        assert (await socket.receive_json_from(timeout=PATIENCE))["type"] == "mark"
        await socket.disconnect(timeout=PATIENCE)

    play(scene)


def test_another_users_frames_never_arrive(alice: User, bob: User) -> None:
    clients = signed_in(alice), signed_in(bob)

    async def scene() -> None:
        hers, his = [await opened(each) for each in clients]
        await push(bob, {"type": "order", "id": "ord_of_bob", "version": 1})
        assert (await his.receive_json_from(timeout=PATIENCE))["id"] == "ord_of_bob"
        assert await hers.receive_nothing()
        await hers.disconnect(timeout=PATIENCE)
        await his.disconnect(timeout=PATIENCE)

    play(scene)


def test_what_a_browser_says_changes_no_group(alice: User, bob: User) -> None:
    client = signed_in(alice)

    async def scene() -> None:
        socket = await opened(client)
        await socket.send_json_to({"type": "subscribe", "group": group_of(bob.pk)})
        await socket.send_json_to({"type": "live.frames", "frames": [{"type": "fake"}]})
        await push(bob, {"type": "order", "id": "ord_of_bob", "version": 1})
        assert await socket.receive_nothing()
        await socket.disconnect(timeout=PATIENCE)

    play(scene)


def test_a_ping_is_answered_and_a_flood_is_not(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, times = signed_in(alice), [100.0] * 50 + [100 + PONG_REST_SECONDS]
    monkeypatch.setattr(consumers, "time", SimpleNamespace(monotonic=lambda: times.pop(0)))

    async def scene() -> None:
        socket = await opened(client)
        for _ in range(51):
            await socket.send_json_to({"type": "ping"})
        for _ in range(2):
            assert await socket.receive_json_from(timeout=PATIENCE) == {"type": "pong"}
        assert await socket.receive_nothing()
        assert not times, "all were heard"
        await socket.disconnect(timeout=PATIENCE)

    play(scene)


@pytest.mark.parametrize(
    "text",
    [" ", "{", "[]", "null", '"ping"', "[" * 250, '{"type":"ping","x":"' + "x" * MAX_MESSAGE],
)
def test_junk_is_ignored_and_the_socket_lives_on(alice: User, text: str) -> None:
    client = signed_in(alice)

    async def scene() -> None:
        socket = await opened(client)
        await socket.send_to(text_data=text)
        await socket.send_to(bytes_data=b"\x00\xff")
        await push(alice, {"type": "order", "id": "ord_1", "version": 1})
        assert (await socket.receive_json_from(timeout=PATIENCE))["id"] == "ord_1"
        await socket.disconnect(timeout=PATIENCE)

    play(scene)


# ---- the end of a session ----


def log_out(client: Client, user: User) -> None:
    client.logout()


def expire(client: Client, user: User) -> None:
    Session.objects.update(expire_date=utc_now() - timedelta(seconds=1))


def disable(client: Client, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(client: Client, user: User) -> None:
    user.set_password("another horse")
    user.save(update_fields=["password"])


def delete_user(client: Client, user: User) -> None:
    user.delete()


@pytest.mark.parametrize("end", [log_out, expire, disable, change_password, delete_user])
def test_a_socket_ends_with_its_session(
    alice: User, bob: User, end: Callable[[Client, User], None]
) -> None:
    client, other = signed_in(alice), signed_in(bob)

    async def scene() -> None:
        socket, his = await opened(client), await opened(other)
        await watch.look()
        assert await socket.receive_nothing()
        key = client.cookies[settings.SESSION_COOKIE_NAME].value
        await sync_to_async(end)(client, alice)
        if end is expire:
            await sync_to_async(Session.objects.exclude(session_key=key).update)(
                expire_date=utc_now() + timedelta(days=1)
            )
        await watch.look()
        assert await socket.receive_output(timeout=PATIENCE) == {
            "type": "websocket.close",
            "code": NOT_SIGNED_IN,
        }
        assert await his.receive_nothing()
        await socket.disconnect(timeout=PATIENCE)
        await his.disconnect(timeout=PATIENCE)

    play(scene)


def test_a_look_that_fails_closes_nothing(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(alice)

    def away(keys: set[str]) -> set[str]:
        raise DatabaseError("away")

    async def scene() -> None:
        socket = await opened(client)
        monkeypatch.setattr(session_watch, "living_sessions", away)
        await watch.look()
        assert await socket.receive_nothing()
        await socket.disconnect(timeout=PATIENCE)

    play(scene)


def test_the_watch_costs_two_queries_for_any_number_of_sockets(
    alice: User, bob: User, django_assert_num_queries: Any
) -> None:
    clients = [signed_in(user) for user in (alice, alice, bob, bob)]
    keys = {each.cookies[settings.SESSION_COOKIE_NAME].value for each in clients}
    with django_assert_num_queries(2):
        assert living_sessions({*keys, "unknown"}) == keys


def test_the_watch_runs_by_itself(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(alice)
    monkeypatch.setattr(session_watch, "EVERY_SECONDS", 0.01)

    async def scene() -> None:
        socket = await opened(client)
        await sync_to_async(log_out)(client, alice)
        output = await socket.receive_output(timeout=PATIENCE)
        assert output["code"] == NOT_SIGNED_IN
        await socket.disconnect(timeout=PATIENCE)

    play(scene)


class Napping(InMemoryChannelLayer):
    """What is sent to one channel waits, as at a layer that has not begun to listen."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[str, Any]] = []

    async def send(self, channel: str, message: Any) -> None:
        self.held.append((channel, message))


class Losing(InMemoryChannelLayer):
    """Loses what one sends to oneself, the first `most` times."""

    def __init__(self, most: int, last: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.most = most
        self.last = last
        """Called before the first that is not lost."""
        self.sent = 0

    async def send(self, channel: str, message: Any) -> None:
        is_own = message["type"] == "live.heard"
        self.sent += is_own
        if not is_own or self.sent > self.most:
            self.last()
            await super().send(channel, message)


@pytest.mark.parametrize(("lost", "said"), [(1, 2), (99, MOST_SAID)])
def test_a_page_opens_though_its_word_was_lost(
    alice: User, monkeypatch: pytest.MonkeyPatch, lost: int, said: int
) -> None:
    monkeypatch.setattr(consumers, "SAY_AGAIN_SECONDS", 0.05)
    wait = partial(monkeypatch.setattr, consumers, "SAY_AGAIN_SECONDS", 3600.0)
    client, layer = signed_in(alice), Losing(lost, last=wait)

    async def scene() -> None:
        channel_layers.set("default", layer)
        socket = await opened(client)
        await asyncio.sleep(0.1)
        assert layer.sent == said
        assert await socket.receive_nothing(timeout=0.1), "one hello"
        await push(alice, {"type": "mark"})
        assert (await socket.receive_json_from(timeout=PATIENCE))["type"] == "mark"
        await socket.disconnect(timeout=PATIENCE)

    play(scene)


def test_who_goes_before_it_opened_is_called_no_more(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "SAY_AGAIN_SECONDS", 0.05)
    client, layer = signed_in(alice), Losing(99)

    async def scene() -> None:
        channel_layers.set("default", layer)
        socket = socket_of(client)
        await socket.send_input({"type": "websocket.connect"})
        async with asyncio.timeout(PATIENCE):
            while not layer.sent:
                await asyncio.sleep(0.01)
        await socket.disconnect(timeout=PATIENCE)
        before = layer.sent
        await asyncio.sleep(0.3)
        assert layer.sent == before
        assert not layer.groups

    play(scene)


def test_a_page_is_open_when_it_hears(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "SAY_AGAIN_SECONDS", 3600.0)
    client = signed_in(alice)

    async def scene() -> None:
        layer = Napping()
        channel_layers.set("default", layer)
        socket = socket_of(client)
        opening = asyncio.ensure_future(socket.connect(timeout=PATIENCE))
        async with asyncio.timeout(PATIENCE):
            while not layer.held:
                await asyncio.sleep(0.01)
        await layer.group_send(group_of(alice.pk), {"type": "live.frames", "frames": [{"n": 1}]})
        await asyncio.sleep(0.05)
        assert not opening.done()
        for channel, message in layer.held:
            await InMemoryChannelLayer.send(layer, channel, message)
        assert (await opening)[0]
        assert (await socket.receive_json_from(timeout=PATIENCE))["type"] == "hello"
        await socket.disconnect(timeout=PATIENCE)

    play(scene)
