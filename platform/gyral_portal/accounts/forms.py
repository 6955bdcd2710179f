"""Forms of the account page."""

from django import forms

from gyral_portal.accounts.models import Scope


class TokenForm(forms.Form):
    """Name, scope and length of life of a new token."""

    name = forms.CharField(max_length=80, help_text="Where you will use it, for example “laboratory cluster”.")
    scope = forms.ChoiceField(
        choices=Scope.choices,
        initial=Scope.READ,
        widget=forms.RadioSelect,
        help_text="Reading shows what you may see in the browser; submitting also uploads, retries and cancels; managing "
        "also publishes, hides, withdraws and deletes.",
    )
    days = forms.TypedChoiceField(
        label="Valid for",
        choices=[(30, "30 days"), (90, "90 days"), (365, "a year"), (0, "until you revoke it")],
        coerce=int,
        initial=90,
        help_text="A token that got out does harm for this long at most.",
    )
