"""``pulumi-resource-biot``: the resource kinds through Pulumi's provider protocol, for every Pulumi language."""
