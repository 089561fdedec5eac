"""Which map is proposed for exports of other systems."""

from __future__ import annotations

import random
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning.rows.base import Kind
from aiosymphony.provisioning.rows.registry import KINDS, user_class
from aiosymphony.provisioning.sources.column_map import ColumnMap
from aiosymphony.provisioning.sources.known_names import (
    CONCEPTS,
    DISABLED_NAMES,
    ENABLED_NAMES,
    STATUS_NAMES,
    bare_name,
)
from aiosymphony.provisioning.sources.proposal import Proposal, propose

HEADERS: Mapping[str, str] = {
    "entra": "userPrincipalName,displayName,surname,mail,givenName,id,userType,jobTitle,department,accountEnabled,"
    "usageLocation,streetAddress,state,country,physicalDeliveryOfficeName,city,postalCode,telephoneNumber,mobile",
    "entra bulk": "Name [displayName] Required;User principal name [userPrincipalName] Required;"
    "Initial password [passwordProfile] Required;Block sign in (Yes/No) [accountEnabled] Required;"
    "First name [givenName];Last name [surname];Job title [jobTitle];Department [department]",
    "okta": "login,firstName,lastName,email,mobilePhone,secondEmail,title,department,organization,status",
    "google": "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],"
    "Org Unit Path [Required],Status [READ ONLY],Work Phone,Mobile Phone,Employee Title,Department",
    "gam": "primaryEmail,name.givenName,name.familyName,name.fullName,suspended,orgUnitPath,lastLoginTime",
    "active directory": "sAMAccountName,givenName,sn,displayName,mail,telephoneNumber,mobile,title,department,company,"
    "l,physicalDeliveryOfficeName,userAccountControl,distinguishedName",
    "ldap": "uid,cn,sn,givenName,mail,telephoneNumber,o,l,preferredLanguage,dn",
    "workday": "Employee ID,Legal Name - First Name,Legal Name - Last Name,Preferred Name - First Name,Business Title,"
    "Supervisory Organization,Email - Work,Primary Work Phone,Work Location,Worker Status,Cost Center,Manager",
    "sap": "PERNR,NACHN,VORNA,STAT2,ORGTX,PLSTX,USRID_LONG,TELNR",
    "german": "Personalnummer,Nachname,Vorname,E-Mail,Abteilung,Funktion,Telefon,Mobil,Standort,Firma,Aktiv",
    "german surname": "Name,Vorname,Mailadresse,Büro,Gesperrt",
    "french": "Matricule,Nom,Prénom,Courriel,Service,Fonction,Téléphone,Portable,Site,Statut",
    "portal": "User Name,First Name,Last Name,Display Name,Email Address,Account Status,Roles,Department,Title",
}


def columns(header: str, kind: Kind, *rows: str) -> dict[str, Any]:
    return {name: value for name, value in proposal(header, kind, *rows).table["columns"].items() if value}


def proposal(header: str, kind: Kind, *rows: str) -> Proposal:
    mark = ";" if ";" in header else ","
    names = header.split(mark)
    made = propose(names, kind, [dict(zip(names, row.split(mark), strict=True)) for row in rows])
    text = tomllib.loads(made.toml)
    assert text == made.table
    return made


def test_entra_goes_to_a_pod() -> None:
    assert columns(HEADERS["entra"], "pod") == {
        "userPrincipalName": "userName",
        "displayName": "displayName",
        "surname": "lastName",
        "mail": "emailAddress",
        "givenName": "firstName",
        "jobTitle": "title",
        "department": "department",
        "accountEnabled": {"to": "status", "values": {"true": "ENABLED", "false": "DISABLED"}},
        "physicalDeliveryOfficeName": "location",
        "telephoneNumber": "workPhoneNumber",
        "mobile": "mobilePhoneNumber",
    }
    assert proposal(HEADERS["entra"], "pod").notes == []


def test_entra_goes_to_a_company_and_the_other_address_is_told() -> None:
    made = proposal(HEADERS["entra"], "connect")
    assert made.table["columns"]["mail"] == "email"
    assert made.table["columns"]["accountEnabled"] == "active"
    assert made.notes == ["email is taken from 'mail', and could be 'userPrincipalName'"]
    assert '"city" = ""  # or location, instead of physicalDeliveryOfficeName' in made.toml


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [
        ("gam", "suspended", {"to": "active", "invert": True}),
        ("entra bulk", "Block sign in (Yes/No) [accountEnabled] Required", {"to": "active", "invert": True}),
        ("german surname", "Gesperrt", {"to": "active", "invert": True}),
    ],
)
def test_a_column_that_means_the_opposite_is_inverted_and_told(header: str, name: str, value: object) -> None:
    made = proposal(HEADERS[header], "connect")
    assert made.table["columns"][name] == value
    assert "# the other way round: true disables" in made.toml


def test_words_of_another_language_are_translated() -> None:
    made = proposal("Vorname;Nachname;E-Mail;Gesperrt", "pod", "Ann;Lee;a@b.com;Ja", "Bob;Ray;b@b.com;Nein")
    assert made.table["columns"]["Gesperrt"] == {"to": "status", "values": {"ja": "DISABLED", "nein": "ENABLED"}}
    assert "# this disables and enables people: look at each value" in made.toml


def test_a_status_that_nobody_knows_is_for_the_operator_to_say() -> None:
    made = proposal("login,firstName,lastName,email,status", "connect", "a,A,B,a@b.com,ACTIVE", "b,B,C,b@b.com,STAGED")
    values = made.table["columns"]["status"]["values"]
    assert (values["active"], values["suspended"], values["deprovisioned"]) == ("true", "false", "false")
    assert "staged" not in values
    assert made.notes == ["'status' also has 'staged': say what they mean, or their rows are refused"]


def test_german_and_french_and_sap_names() -> None:
    assert columns(HEADERS["german"], "connect") == {
        "Nachname": "lastName", "Vorname": "firstName", "E-Mail": "email", "Abteilung": "department",
        "Funktion": "title", "Telefon": "phoneNumber", "Standort": "location", "Aktiv": "active",
    }  # fmt: skip
    found = columns(HEADERS["french"], "pod")
    assert {name: found[name] for name in found if name != "Statut"} == {
        "Nom": "lastName", "Prénom": "firstName", "Courriel": "emailAddress", "Service": "department",
        "Fonction": "title", "Téléphone": "workPhoneNumber", "Portable": "mobilePhoneNumber", "Site": "location",
    }  # fmt: skip
    found = columns(HEADERS["sap"], "connect", "1,Lee,Ann,3,FX,Analyst,a@b.com,33", "2,Ray,Bob,0,FX,Trader,b@b.com,34")
    assert found == {
        "NACHN": "lastName", "VORNA": "firstName", "STAT2": {"to": "active", "values": {"3": "true", "0": "false"}},
        "ORGTX": "department", "PLSTX": "title", "USRID_LONG": "email", "TELNR": "phoneNumber",
    }  # fmt: skip


def test_a_name_beside_a_first_name_is_the_surname() -> None:
    made = proposal(HEADERS["german surname"], "connect")
    assert made.table["columns"]["Name"] == "lastName"
    assert made.notes == ["'Name' is taken for lastName, because 'Vorname' stands beside it"]
    assert proposal("Name,Vorname,Nachname,Mail", "connect").table["columns"]["Nachname"] == "lastName"
    assert columns("Anzeigename,Name,Vorname,Mail", "connect") == {
        "Anzeigename": "displayName", "Name": "lastName", "Vorname": "firstName", "Mail": "email"
    }  # fmt: skip


def test_a_name_alone_is_split_as_its_rows_show() -> None:
    made = proposal("Name;Mail", "connect", "Lee, Ann;a@b.com", "Ray, Bob;b@b.com")
    assert made.table["split"] == {"Name": {"by": ",", "to": ["lastName", "firstName"]}}
    assert made.notes == []
    made = proposal("Name;Mail", "connect", "Ann Lee;a@b.com")
    assert made.table["split"] == {"Name": {"by": " ", "to": ["firstName", "lastName"], "cut": "last"}}
    assert made.notes == ["'Name' is cut at its last blank into firstName and lastName: look whether that is right"]


def test_two_columns_that_are_as_good_are_left_to_the_operator() -> None:
    made = proposal("Mail,E-Mail,Vorname,Nachname", "connect", "a@b.com,a@c.com,Ann,Lee")
    assert {made.table["columns"][name] for name in ("Mail", "E-Mail")} == {""}
    assert made.notes == ["email could be any of 'Mail', 'E-Mail': give one of them 'email'"]
    # One of them holds nothing: then it is told, and the other is taken.
    made = proposal("Mail,E-Mail,Vorname,Nachname", "connect", ",a@c.com,Ann,Lee")
    assert made.table["columns"]["E-Mail"] == "email"
    assert '"Mail" = ""  # or email; empty in the first records' in made.toml


def test_a_column_of_addresses_is_the_address_if_no_name_says_so() -> None:
    made = proposal("Vorname,Nachname,Kontakt,Info", "connect", "Ann,Lee,ann@acme.com,x@y", "Bob,Ray,bob@acme.com,no")
    assert made.table["columns"]["Kontakt"] == "email"
    assert made.notes == ["email is taken from 'Kontakt', because its cells are addresses"]
    made = proposal("Vorname,Nachname,Kontakt,Info", "connect", "Ann,Lee,ann@acme.com,x@y.com")
    assert made.notes == ["email is needed, and no column is known to be it"]


@pytest.mark.parametrize(("cells", "by"), [("A|B", "|"), ("A; B", ";"), ("A, B", ","), ("", "|")])
def test_what_divides_a_list_is_seen_in_its_cells(cells: str, by: str) -> None:
    made = propose(["Roles"], "pod", [{"Roles": cells}])
    assert made.table["columns"]["Roles"] == ("roles" if by == "|" else {"to": "roles", "by": by})


def test_what_a_pod_needs_and_nobody_gives_is_told() -> None:
    made = proposal("Vorname,Nachname,E-Mail", "pod")
    assert made.table["join"] == {"displayName": "{Vorname} {Nachname}"}
    assert made.notes == [
        "userName is needed, and no column is known to be it",
        'if people log in by their address, write "E-Mail" = ["emailAddress", "userName"]',
    ]


def test_a_principal_name_is_an_address_if_there_is_no_other() -> None:
    assert columns("UPN,First name,Last name", "connect")["UPN"] == "email"
    assert columns("UPN,mail,First name,Last name", "pod")["UPN"] == "userName"


@pytest.mark.parametrize("names", [['a"b\\c', "tab\there", "line\nbreak", "\x7f\x9b\u2028.", "[x]", "{", "#", "𝔘"]])
def test_any_name_can_be_written(names: Sequence[str]) -> None:
    made = propose(names, "connect")
    assert tomllib.loads(made.toml)["columns"] == dict.fromkeys(names, "")
    assert all(letter.isprintable() or letter == "\n" for letter in made.toml)


@given(
    st.sampled_from(sorted(HEADERS)),
    st.sampled_from(sorted(KINDS)),
    st.randoms(use_true_random=False),
    st.sampled_from([str, str.upper, str.lower, str.title, lambda name: f" {name} "]),
)
def test_a_proposed_map_knows_every_column_of_a_known_header(
    header: str, kind: Kind, dice: random.Random, spelled: Any
) -> None:
    names = [spelled(name) for name in HEADERS[header].replace(";", ",").split(",")]
    dice.shuffle(names)
    made = propose(names, kind)
    column_map = ColumnMap.of(tomllib.loads(made.toml), kind)
    lacking = [name for name, column in user_class(kind).columns().items() if column.required]
    lacking = [name for name in lacking if name not in made.columns]
    # What is lacking is told, and without any key no file is taken.
    assert all(any(note.startswith(name) for note in made.notes) for name in lacking)
    keys = [name for name, column in user_class(kind).columns().items() if column.key]
    if any(name in made.columns for name in keys):
        column_map.bind(names, "the file")
        return
    with pytest.raises(JobRefused) as caught:
        column_map.bind(names, "the file")
    assert f"the header lacks {' or '.join(keys)};" in str(caught.value)
    assert "is called" not in str(caught.value)


@given(st.lists(st.text(max_size=12), max_size=8), st.sampled_from(sorted(KINDS)))
def test_any_header_gets_a_map_that_can_be_read(names: list[str], kind: Kind) -> None:
    made = propose(names, kind)
    assert tomllib.loads(made.toml) == made.table
    ColumnMap.of(made.table, kind)


def test_the_table_of_names_has_each_name_once_in_a_concept_and_no_column_that_there_is_not() -> None:
    known = {column for kind in KINDS for column in user_class(kind).columns()}
    for what, concept in CONCEPTS.items():
        assert {*concept.columns} <= known, what
        bare = [bare_name(name) for group in concept.names for name in group]
        assert [name for name, count in Counter(bare).items() if count > 1] == [], what
    switches = [bare_name(name) for name in (*ENABLED_NAMES, *DISABLED_NAMES, *STATUS_NAMES)]
    assert [name for name, count in Counter(switches).items() if count > 1] == []
    assert bare_name(" Prénom (d'usage) ") == "prenomdusage"
