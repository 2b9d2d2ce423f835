"""A first login with the client that openapi-python-client makes of the description.

    generated_client.py BASE NUMBER TEMPORARY NEW

Prints who logs in after the change of the unit, and with what.
"""

import sys

from karipass_client import AuthenticatedClient, Client
from karipass_client.api.password import change_password
from karipass_client.api.session import get_session, log_in
from karipass_client.api.unit import change_unit, get_unit
from karipass_client.models import (
    Change,
    Code,
    LoggedIn,
    Login,
    NewPassword,
    NewUnit,
    NewUnitPasswords,
    Problem,
    Session,
    Unit,
    UnitChanged,
    UnitChoices,
)


def expect(kind, answer):
    """The answer, which is of this kind."""
    assert isinstance(answer, kind), answer
    return answer


base, number, temporary, new = sys.argv[1:]
refused = log_in.sync(client=Client(base), body=Login(number=number, password="wrong"))
assert expect(Problem, refused).code is Code.INVALID_CREDENTIALS, refused
answer = log_in.sync(client=Client(base), body=Login(number=number, password=temporary))
login = expect(LoggedIn, answer)
assert login.password_change is Change.TEMPORARY, login
client = AuthenticatedClient(base, token=login.token)
refused = get_session.sync(client=client)
assert expect(Problem, refused).code is Code.PASSWORD_CHANGE_REQUIRED, refused
body = NewPassword(current=temporary, new=new, new_again=new)
changed = expect(LoggedIn, change_password.sync(client=client, body=body))
assert changed.password_change is None, changed
client = AuthenticatedClient(base, token=changed.token)
assert expect(Session, get_session.sync(client=client)).numbers == [number]
offered = expect(UnitChoices, get_unit.sync(client=client))
choice = next(choice for choice in offered.choices if choice.unit is Unit.LINE)
assert (choice.asked, choice.blocked) == ([number], []), choice
missing = change_unit.sync(
    client=client, body=NewUnit(unit=choice.unit, passwords=NewUnitPasswords())
)
assert expect(Problem, missing).numbers == choice.asked, missing
passwords = NewUnitPasswords.from_dict({number: new for number in choice.asked})
answer = change_unit.sync(client=client, body=NewUnit(unit=choice.unit, passwords=passwords))
done = expect(UnitChanged, answer)
assert (done.unit, done.logins) == (choice.unit, choice.logins), done
for login in done.logins:
    print(login.number, login.with_)
