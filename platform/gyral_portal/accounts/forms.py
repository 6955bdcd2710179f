"""Forms of the account page."""

from django import forms

from gyral_portal.accounts.models import Scope


class TokenForm(forms.Form):
    """Name and scope of a new token."""

    name = forms.CharField(max_length=80, help_text="Where you will use it, for example “laboratory cluster”.")
    scope = forms.ChoiceField(
        choices=Scope.choices,
        initial=Scope.READ,
        widget=forms.RadioSelect,
        help_text="Reading shows what you may see in the browser; submitting also uploads, retries and cancels.",
    )
