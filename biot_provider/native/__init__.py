"""``pulumi-resource-biot``: the kinds behind Pulumi's own provider protocol, for programs in every Pulumi language."""
