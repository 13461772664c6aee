from __future__ import annotations

import itertools

from core import clock
from projects.models import Member, Project, PublicKey, Role, User
from projects.services import known_keys, public_keys

_number = itertools.count(1)


def make_user(*, email: str = "", password: str | None = None, **fields: object) -> User:
    return User.objects.create_user(email or f"person{next(_number)}@example.com", password, **fields)


def make_project(*, owner: User | None = None, **fields: object) -> Project:
    owner = owner or make_user()
    project = Project.objects.create(created_by=owner, **{"name": f"Project {next(_number)}", **fields})
    Member.objects.create(project=project, user=owner, role=Role.OWNER)
    return project


def make_member(*, project: Project, role: Role = Role.MARKETER, user: User | None = None) -> User:
    user = user or make_user()
    Member.objects.create(project=project, user=user, role=role)
    return user


def make_public_key(*, project: Project, origins: tuple[str, ...] = ("https://shop.example.com",), **chosen: bool) -> PublicKey:
    values = public_keys.KeyValues(name=f"Key {next(_number)}", origins=origins, **chosen)
    key = public_keys.make_key(project=project, actor=project.created_by, values=values, now=clock.now())
    known_keys.forget()  # a test's transaction may not be committed
    return key
