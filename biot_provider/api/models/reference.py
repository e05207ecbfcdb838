"""Reference data as the platform shows it: possible interceptions and notifications (BioT API 2.4.2, settings)."""

from __future__ import annotations

from biot_provider.api.models.wide import Answer, Items, Text, WideItem


class InterceptionConfiguration(Answer, WideItem):
    """An API that can be intercepted; without ``api_id``, an entity that can be adapted."""

    entity_type_name: Text = None
    api_id: Text = None


class NotifiableAction(WideItem):
    """An action on an entity for which there are notifications."""

    entity_name: Text = None
    action_name: Text = None


class NotifiableActions(Answer):
    """All pairs of an entity and an action, in one response."""

    entity_types: Items[NotifiableAction] = None


class TemplateRow(Answer, WideItem):
    """A template of an entity; a notification can be limited to one, by its name."""

    name: Text = None
    entity_type_name: Text = None
