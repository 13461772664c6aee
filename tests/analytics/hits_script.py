"""Run by tests in an installation of their own: prints the paths of opens and clicks of a run that nobody knows more about."""

from __future__ import annotations

import sys

import django


def main() -> None:
    django.setup()
    from analytics.links import LinkContext, run_links

    links = run_links(context=LinkContext(project_id=1, campaign_id=2, run_id=3))
    for endpoint_id in range(1, int(sys.argv[1]) + 1):
        click = links.click_url(endpoint_id, endpoint_id % 5, "https://shop.example.com/sale")
        print("/" + (click if endpoint_id % 2 else links.open_url(endpoint_id)).split("/", 3)[3])


if __name__ == "__main__":
    main()
