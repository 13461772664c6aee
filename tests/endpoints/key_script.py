"""Run by tests in an installation of their own: makes a project and prints a public key of it."""

from __future__ import annotations

import django


def main() -> None:
    django.setup()
    from tests.factories.projects import make_project, make_public_key

    print(make_public_key(project=make_project()).token)


if __name__ == "__main__":
    main()
