"""Which templates a project sees, and what uses them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Q, QuerySet

from messaging import ports
from messaging.models import MessageTemplate
from messaging.ports import TemplateUser
from projects.models import Project


def visible(*, project: Project) -> QuerySet[MessageTemplate]:
    """The project's own templates, and the installation's."""
    return MessageTemplate.objects.filter(Q(project=project) | Q(project=None))


def users_of(*, template: MessageTemplate) -> list[TemplateUser]:
    """What uses a template, in all projects that may."""
    return users(templates=[template]).get(template.pk, [])


def users(*, templates: Iterable[MessageTemplate]) -> dict[int, list[TemplateUser]]:
    """The same of many templates, by their keys. A query for each type among them and floor that uses templates."""
    of_type: dict[str, dict[str, MessageTemplate]] = defaultdict(dict)
    for template in templates:
        of_type[template.template_type][template.name] = template
    found: dict[int, list[TemplateUser]] = defaultdict(list)
    for template_type, by_name in of_type.items():
        for answer in ports.template_users.call(template_type, list(by_name)):
            for user in answer:
                template = by_name[user.template]
                if template.project_id in (None, user.project_id):  # another project's document names it in vain
                    found[template.pk].append(user)
    return dict(found)
