"""Countries by their two letters (ISO 3166-1), with their English names and what their people are called."""

from typing import Final

_LIST: Final = """
AD Andorra|AE United Arab Emirates,UAE,Emirates|AF Afghanistan|AG Antigua and Barbuda|AI Anguilla|AL Albania|AM Armenia|
AO Angola|AQ Antarctica|AR Argentina,Argentinian|AS American Samoa|AT Austria,Austrian|AU Australia,Australian|AW Aruba|
AX Aland Islands|AZ Azerbaijan|BA Bosnia and Herzegovina,Bosnia|BB Barbados|BD Bangladesh|BE Belgium,Belgian|
BF Burkina Faso|BG Bulgaria,Bulgarian|BH Bahrain|BI Burundi|BJ Benin|BL Saint Barthelemy|BM Bermuda|BN Brunei|BO Bolivia|
BQ Bonaire|BR Brazil,Brazilian|BS Bahamas|BT Bhutan|BW Botswana|BY Belarus|BZ Belize|CA Canada,Canadian|CC Cocos Islands|
CD Democratic Republic of the Congo|CF Central African Republic|CG Congo|CH Switzerland,Swiss|CI Ivory Coast,Cote d'Ivoire|
CK Cook Islands|CL Chile,Chilean|CM Cameroon|CN China,Chinese|CO Colombia,Colombian|CR Costa Rica|CU Cuba|
CV Cape Verde,Cabo Verde|CW Curacao|CX Christmas Island|CY Cyprus|CZ Czechia,Czech Republic,Czech|DE Germany,German|
DJ Djibouti|DK Denmark,Danish|DM Dominica|DO Dominican Republic|DZ Algeria|EC Ecuador|EE Estonia,Estonian|EG Egypt,Egyptian|
EH Western Sahara|ER Eritrea|ES Spain,Spanish|ET Ethiopia|FI Finland,Finnish|FJ Fiji|FK Falkland Islands|FM Micronesia|
FO Faroe Islands|FR France,French|GA Gabon|GB United Kingdom,UK,Great Britain,Britain,British,England|GD Grenada|GE Georgia|
GF French Guiana|GG Guernsey|GH Ghana|GI Gibraltar|GL Greenland|GM Gambia|GN Guinea|GP Guadeloupe|GQ Equatorial Guinea|
GR Greece,Greek|GT Guatemala|GU Guam|GW Guinea-Bissau|GY Guyana|HK Hong Kong|HN Honduras|HR Croatia,Croatian|HT Haiti|
HU Hungary,Hungarian|ID Indonesia,Indonesian|IE Ireland,Irish|IL Israel,Israeli|IM Isle of Man|IN India,Indian|IQ Iraq|
IR Iran|IS Iceland|IT Italy,Italian|JE Jersey|JM Jamaica|JO Jordan|JP Japan,Japanese|KE Kenya|KG Kyrgyzstan|KH Cambodia|
KI Kiribati|KM Comoros|KN Saint Kitts and Nevis|KP North Korea|KR South Korea,Korea,Korean|KW Kuwait|KY Cayman Islands|
KZ Kazakhstan|LA Laos|LB Lebanon|LC Saint Lucia|LI Liechtenstein|LK Sri Lanka|LR Liberia|LS Lesotho|LT Lithuania|
LU Luxembourg|LV Latvia|LY Libya|MA Morocco|MC Monaco|MD Moldova|ME Montenegro|MF Saint Martin|MG Madagascar|
MH Marshall Islands|MK North Macedonia|ML Mali|MM Myanmar|MN Mongolia|MO Macao|MP Northern Mariana Islands|MQ Martinique|
MR Mauritania|MS Montserrat|MT Malta|MU Mauritius|MV Maldives|MW Malawi|MX Mexico,Mexican|MY Malaysia,Malaysian|
MZ Mozambique|NA Namibia|NC New Caledonia|NE Niger|NF Norfolk Island|NG Nigeria,Nigerian|NI Nicaragua|
NL Netherlands,Holland,Dutch|NO Norway,Norwegian|NP Nepal|NR Nauru|NU Niue|NZ New Zealand|OM Oman|PA Panama|PE Peru|
PF French Polynesia|PG Papua New Guinea|PH Philippines|PK Pakistan|PL Poland,Polish|PM Saint Pierre and Miquelon|
PN Pitcairn|PR Puerto Rico|PS Palestine|PT Portugal,Portuguese|PW Palau|PY Paraguay|QA Qatar|RE Reunion|RO Romania,Romanian|
RS Serbia,Serbian|RU Russia,Russian|RW Rwanda|SA Saudi Arabia|SB Solomon Islands|SC Seychelles|SD Sudan|SE Sweden,Swedish|
SG Singapore|SH Saint Helena|SI Slovenia|SJ Svalbard|SK Slovakia,Slovak|SL Sierra Leone|SM San Marino|SN Senegal|SO Somalia|
SR Suriname|SS South Sudan|ST Sao Tome and Principe|SV El Salvador|SX Sint Maarten|SY Syria|SZ Eswatini,Swaziland|
TC Turks and Caicos Islands|TD Chad|TF French Southern Territories|TG Togo|TH Thailand,Thai|TJ Tajikistan|TK Tokelau|
TL Timor-Leste,East Timor|TM Turkmenistan|TN Tunisia|TO Tonga|TR Turkey,Turkiye,Turkish|TT Trinidad and Tobago|TV Tuvalu|
TW Taiwan|TZ Tanzania|UA Ukraine,Ukrainian|UG Uganda|UM US Outlying Islands|
US United States,United States of America,USA,US,America,American,Americans,states|UY Uruguay|UZ Uzbekistan|VA Vatican|
VC Saint Vincent and the Grenadines|VE Venezuela|VG British Virgin Islands|VI US Virgin Islands|VN Vietnam,Vietnamese|
VU Vanuatu|WF Wallis and Futuna|WS Samoa|YE Yemen|YT Mayotte|ZA South Africa,South African|ZM Zambia|ZW Zimbabwe
"""


def countries() -> dict[str, tuple[str, ...]]:
    """Names of each country, by its letters."""
    return {entry[:2]: tuple(entry[3:].split(",")) for entry in _LIST.replace("\n", "").split("|")}
