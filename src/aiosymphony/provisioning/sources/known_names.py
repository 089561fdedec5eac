"""What other systems call the columns: the one table by which a column map is proposed.

Names are compared without case, blanks, punctuation and accents (``bare_name``). They come from exports of directories
(Entra ID, Active Directory and LDAP, Okta, Google Workspace and its command line), of HR systems (such as Workday, SAP
and those of German and French offices) and of Symphony's own administration.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

__all__ = [
    "ACTIVE_INACTIVE",
    "CONCEPTS",
    "DISABLED_NAMES",
    "ENABLED_NAMES",
    "STATUS_NAMES",
    "TRUE_FALSE",
    "WORDS",
    "Concept",
    "bare_name",
]


def bare_name(name: str) -> str:
    """A name without case, blanks, punctuation and accents."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


@attrs.frozen
class Concept:
    """What several columns of the API mean, and what others call it.

    Attributes:
        columns: The API's, of which a kind of users has one or none.
        names: Names in groups. A name of an earlier group is a better one; those of one group are equally good.
    """

    columns: Sequence[str]
    names: Sequence[Sequence[str]]


# fmt: off
CONCEPTS: Final[Mapping[str, Concept]] = {
    "email": Concept(("email", "emailAddress"), (
        ("E-Mail", "Mail", "Email Address", "E-Mail-Adresse", "Mailadresse", "Work Email", "Primary Email",
         "Business Email", "Company Email", "Corporate Email", "Email - Work", "Email - Primary Work",
         "Primary Work Email", "Email Address [Required]", "Email Address (Work)", "user.email",
         "profile.email", "emails.value", "emails.0.value", 'emails[type eq "work"].value', "primarySmtpAddress",
         "windowsEmailAddress", "SMTP Address", "EMAIL_ADDR", "EMAILADR", "SMTP_ADDR", "USRID_LONG",
         "E-Mail dienstlich", "Dienstliche E-Mail", "E-Mail geschäftlich",
         "Geschäftliche E-Mail", "E-Mail Arbeit", "Courriel", "Adresse courriel", "Adresse e-mail", "Adresse mail",
         "Adresse électronique", "Courriel professionnel", "E-mail professionnel", "Mail professionnel",
         "Adresse e-mail professionnelle"),
        ("User principal name", "UPN", "User principal name [userPrincipalName] Required"),
    )),
    "user name": Concept(("userName",), (
        ("User name", "Login", "Login name", "Logon name", "Logon", "User login", "profile.login",
         "Account name", "Benutzername", "Benutzerkennung", "Anmeldename", "Kennung", "Identifiant",
         "Nom d'utilisateur", "Nom de connexion", "Compte", "uid", "BNAME"),
        ("User principal name", "UPN", "User principal name [userPrincipalName] Required"),
        ("sAMAccountName", "Windows ID", "Network ID", "NT Login", "User logon name"),
    )),
    "first name": Concept(("firstName",), (
        ("First name", "Given name", "Forename", "First", "fname", "name.givenName", "profile.firstName",
         "user.firstName", "First Name [Required]", "First name [givenName]", "Legal First Name",
         "Legal Name - First Name", "VORNA", "NAME_FIRST", "Vorname", "Vornamen", "Prénom", "Prénoms", "gn"),
        ("Preferred First Name", "Preferred Name - First Name", "Rufname", "RUFNM", "Prénom usuel", "Known as"),
    )),
    "last name": Concept(("lastName",), (
        ("Last name", "Surname", "Family name", "Last", "lname", "name.familyName", "profile.lastName",
         "user.lastName", "Last Name [Required]", "Last name [surname]", "Legal Last Name",
         "Legal Name - Last Name", "NACHN", "NAME_LAST", "Nachname", "Familienname", "Zuname", "Nom de famille",
         "sn"),
        ("Preferred Last Name", "Preferred Name - Last Name", "Nom d'usage", "Nom usuel"),
        ("Nom",),
    )),
    "name": Concept(("displayName",), (
        ("Display name", "Full name", "name.fullName", "name.formatted", "profile.displayName", "user.displayName",
         "Name [displayName] Required", "Anzeigename", "Vollständiger Name", "Nom complet", "Nom affiché",
         "Nom d'affichage", "Formatted Name", "ENAME", "Name_Text", "Preferred Name", "Worker Name"),
        ("cn", "Common Name", "Employee Name", "Worker", "Employee", "Mitarbeiter", "Mitarbeitername",
         "Collaborateur"),
        ("Name", "Nom et prénom", "Nom Prénom", "Prénom Nom", "Name, Vorname", "Nachname, Vorname",
         "Vor- und Nachname"),
    )),
    "department": Concept(("department",), (
        ("Department", "Dept", "Department name", "Dept name", "profile.department", "organizations.department",
         "Department [department]", "Abteilung", "Abteilungsname", "Service", "Département"),
        ("Supervisory Organization", "Org Unit", "Organizational Unit", "Organisationseinheit", "Orgeinheit", "Team",
         "Équipe", "ORGTX"),
    )),
    "division": Concept(("division",), (
        ("Division", "Business Unit", "profile.division", "Bereich", "Geschäftsbereich", "Sparte", "Direction",
         "BTRTL"),
    )),
    "title": Concept(("title",), (
        ("Job title", "Title", "Business Title", "Position title", "profile.title", "organizations.title",
         "Employee Title", "Job title [jobTitle]", "Stellenbezeichnung", "Positionsbezeichnung", "Funktion",
         "Funktionsbezeichnung", "Berufsbezeichnung", "Fonction", "Poste", "Intitulé du poste", "Titre du poste"),
        ("Position", "Job", "Stelle", "Job Profile", "STLTX", "PLSTX"),
    )),
    "job function": Concept(("jobFunction",), (("Job function", "Job Family"),)),
    "work phone": Concept(("phoneNumber", "workPhoneNumber"), (
        ("Telephone number", "Phone", "Phone number", "Work phone", "Work phone number", "Business phone",
         "businessPhones", "Office phone", "Office phone [telephoneNumber]", "Primary phone", "profile.primaryPhone",
         "Phone - Work", "Primary Work Phone", "phones.value", "Telephone", "Telefon", "Telefonnummer",
         "Telefon dienstlich", "Telefon geschäftlich", "Rufnummer", "Festnetz",
         "Numéro de téléphone", "Téléphone professionnel", "Téléphone bureau", "Tél.", "TEL_NUMBER", "TELNR"),
    )),
    "mobile phone": Concept(("mobilePhoneNumber",), (
        ("Mobile", "Mobile phone", "Mobile number", "Mobile phone number", "Mobile phone [mobile]", "Cell",
         "Cell phone", "profile.mobilePhone", "Handy", "Handynummer", "Mobil", "Mobiltelefon", "Mobilnummer",
         "Diensthandy", "Natel", "Portable", "Téléphone portable", "Téléphone mobile", "Mobile professionnel",
         "Portable professionnel"),
    )),
    "location": Concept(("location",), (
        ("Location", "Office", "Office location", "physicalDeliveryOfficeName", "Work location", "Primary Location",
         "locations.buildingId", "Standort", "Dienstort", "Arbeitsort", "Site", "Bureau", "Büro", "Buero",
         "Lieu de travail", "Work Site"),
        ("City", "profile.city", "l", "localityName", "Ort", "Stadt", "Ville", "City [city]"),
    )),
    "company": Concept(("companyName",), (
        ("Company", "Company name", "Organization", "Organisation", "profile.organization", "Legal Entity",
         "Employer", "Firma", "Unternehmen", "Gesellschaft", "Société", "Entreprise", "Raison sociale", "o",
         "BUTXT"),
    )),
    "language": Concept(("recommendedLanguage",), (
        ("Preferred language", "Language", "profile.preferredLanguage", "Sprache", "Langue"),
    )),
    "second factor": Concept(("twoFactorAuthPhone",), (("Two factor phone", "2FA phone", "MFA phone"),)),
    "text messages": Concept(("smsNumber",), (("SMS", "SMS phone"),)),
    "asset classes": Concept(("assetClasses",), (("Asset class",),)),
    "industries": Concept(("industries",), (("Industry", "Industries of interest"),)),
}
ENABLED_NAMES: Final = (
    "Enabled", "Account enabled", "Is enabled", "Active", "Is active", "Active Status", "Login enabled", "Aktiv",
    "Ist aktiv", "Aktiviert", "Freigeschaltet", "Actif", "Compte actif",
)
"""Columns that are true for those who may log in."""
DISABLED_NAMES: Final = (
    "Suspended", "Is suspended", "Disabled", "Is disabled", "Account disabled", "Blocked", "Is blocked",
    "Block sign in", "blockCredential", "Block sign in (Yes/No) [accountEnabled] Required", "Inactive", "Deactivated",
    "Is deactivated", "Archived", "Terminated", "Is terminated", "Gesperrt", "Deaktiviert", "Inaktiv", "Ausgeschieden",
    "Désactivé", "Suspendu", "Bloqué", "Inactif", "Parti",
)
"""Columns that are true for those who may not: the other way round."""
STATUS_NAMES: Final = (
    "Status", "Account status", "User status", "Employment status", "Employee status", "Worker status",
    "Status [READ ONLY]", "profile.status", "Benutzerstatus", "Beschäftigungsstatus", "Statut", "Statut du compte",
    "État du compte", "userAccountControl", "UAC", "STAT2",
)
"""Columns with a word for it."""
TRUE_FALSE: Final[Mapping[str, bool]] = {"true": True, "false": False}
ACTIVE_INACTIVE: Final[Mapping[str, bool]] = {
    "active": True, "enabled": True, "inactive": False, "disabled": False, "suspended": False, "deactivated": False,
    "terminated": False, "archived": False,
    # Okta's: what is locked for a while, or waits for a new password, is not switched off.
    "provisioned": True, "password_expired": True, "locked_out": True, "recovery": True, "deprovisioned": False,
}
WORDS: Final[Sequence[Mapping[str, bool]]] = (
    TRUE_FALSE, {"1": True, "0": False}, {"yes": True, "no": False}, {"y": True, "n": False},
    {"ja": True, "nein": False}, {"wahr": True, "falsch": False}, {"j": True, "n": False}, {"x": True, "": False},
    {"oui": True, "non": False}, {"vrai": True, "faux": False}, {"o": True, "n": False},
    ACTIVE_INACTIVE,
    {"aktiv": True, "inaktiv": False, "gesperrt": False, "deaktiviert": False, "ausgeschieden": False},
    {"actif": True, "active": True, "inactif": False, "suspendu": False, "désactivé": False, "bloqué": False,
     "parti": False},
    # userAccountControl: a normal account, with a password that never expires, by smart card alone; 2 is "disabled".
    {"512": True, "544": True, "66048": True, "66080": True, "262656": True,
     "514": False, "546": False, "66050": False, "66082": False, "262658": False},
    # SAP's employment status (PA0000-STAT2).
    {"3": True, "0": False},
)
"""Groups of words that such columns hold, and whether each says yes."""
# fmt: on
