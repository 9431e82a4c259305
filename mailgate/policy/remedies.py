"""What an operator can do about a failure, with the names of his own configuration where they are known."""

from mailgate.model.errors import REMEDIES, ErrorClass


def remedy_for(error_class: ErrorClass, reference: str = "") -> str:
    """Return the remedy for a failure of `error_class`, in one or two sentences.

    For a refused login it names where the password is kept: `reference` is that of the account or server, as the
    configuration has it. What is no reference may be a password in the clear, and is never shown.
    """
    kind, _, name = reference.partition(":")
    if error_class is not ErrorClass.AUTH or not name:
        return REMEDIES[error_class]
    match kind:
        case "keyring" | "vault":
            return f"Check user name and password: `mailgate secrets set {reference}` stores a new one."
        case "file":
            return f"Check user name and password: the password is the first line of the file {name}."
        case "env":
            return (
                f"Check user name and password: the password is in the environment variable {name} of the service, "
                "which reads it when it starts."
            )
        case _:
            return REMEDIES[error_class]
