#include "config.h"
#include "conf/form.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include "base/mem.h"
#include "conf/conf.h"

#define DIGITS     "0123456789"
#define HEX        DIGITS "abcdefABCDEF"
#define LOWER      "abcdefghijklmnopqrstuvwxyz"
#define LETTERS    LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME_CHARS LETTERS DIGITS "._-"

#define DNS_LABEL_MAX 63  /* RFC 1035, section 2.3.4 */
#define DNS_NAME_MAX  253 /* likewise, as text */

static bool consists_of(const char *s, const char *chars)
{
    return *s && s[strspn(s, chars)] == '\0';
}

static bool has_uuid_form(const char *s)
{
    if (strlen(s) != CONF_UUID_LEN)
        return false;
    for (size_t i = 0; i < CONF_UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !strchr(HEX, s[i]))
            return false;
    }
    return true;
}

int conf_form_vm_name(const char *s, struct error *err)
{
    if (!consists_of(s, NAME_CHARS) || *s == '.')
        return error_set(err, ERROR_INVALID,
                         "a VM's name is made of letters, digits, '.', '_' and '-', and does not "
                         "begin with '.'");
    if (strlen(s) > CONF_VM_NAME_MAX)
        return error_set(err, ERROR_INVALID, "a VM's name has at most %d characters",
                         CONF_VM_NAME_MAX);
    if (has_uuid_form(s))
        return error_set(err, ERROR_INVALID,
                         "a VM's name in the form of a UUID could be taken for another VM's UUID: "
                         "name it otherwise, and give uuid = \"...\"");
    return 0;
}

int conf_form_name(const char *s, struct error *err)
{
    if (!consists_of(s, NAME_CHARS) || strlen(s) > CONF_VM_NAME_MAX)
        return error_set(err, ERROR_INVALID,
                         "this name is made of letters, digits, '.', '_' and '-', at most %d",
                         CONF_VM_NAME_MAX);
    return 0;
}

int conf_form_label(const char *s, struct error *err)
{
    size_t key = strspn(s, NAME_CHARS);
    bool printable = true;
    for (const char *p = s; *p; p++)
        printable = printable && (unsigned char)*p >= 0x20 && *p != 0x7f;
    if (key == 0 || s[key] != '=' || s[key + 1] == '\0' || !printable)
        return error_set(err, ERROR_INVALID, "must be in the form \"key=value\"");
    return 0;
}

int conf_form_uuid(const char *s, struct error *err)
{
    if (!has_uuid_form(s))
        return error_set(err, ERROR_INVALID,
                         "must be of the form 01234567-89ab-cdef-0123-456789abcdef");
    if (!s[strspn(s, "0-")])
        return error_set(err, ERROR_INVALID,
                         "must not be the nil UUID: every VM without one of its own has it");
    return 0;
}

static bool is_dns_label(const char *s, size_t len)
{
    if (len == 0 || len > DNS_LABEL_MAX || s[0] == '-' || s[len - 1] == '-')
        return false;
    return strspn(s, LETTERS DIGITS "-") >= len;
}

int conf_form_sni_suffix(const char *s, struct error *err)
{
    if (*s != '.' || strlen(s) > DNS_NAME_MAX - 1)
        return error_set(err, ERROR_INVALID,
                         "must begin with '.', and be part of a DNS name: \".vm.example.com\"");
    for (const char *label = s + 1;; label++) {
        size_t len = strcspn(label, ".");
        if (!is_dns_label(label, len))
            return error_set(err, ERROR_INVALID,
                             "is not part of a DNS name: between its dots are 1 to %d letters, "
                             "digits and hyphens",
                             DNS_LABEL_MAX);
        label += len;
        if (!*label)
            return 0;
    }
}

static int address_family(const char *s)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, s, bytes) == 1    ? AF_INET
           : inet_pton(AF_INET6, s, bytes) == 1 ? AF_INET6
                                                : AF_UNSPEC;
}

int conf_form_address(const char *s, struct error *err)
{
    if (address_family(s) == AF_UNSPEC)
        return error_set(err, ERROR_INVALID,
                         "must be a numeric IPv4 or IPv6 address (\"0.0.0.0\" or \"::\" for all)");
    return 0;
}

int conf_form_loopback(const char *s, struct error *err)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, s, &v4) == 1 && ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET)
        return 0;
    if (inet_pton(AF_INET6, s, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6))
        return 0;
    return error_set(
        err, ERROR_INVALID,
        "must be a numeric loopback address (\"127.0.0.1\" or \"::1\"): what a monitor "
        "says is not protected on a network");
}

int conf_form_cidr(const char *s, struct error *err)
{
    size_t host = strcspn(s, "/");
    CLEANUP_FREE char *address = mem_strndup(s, host);
    int family = address_family(address);
    bool good = family != AF_UNSPEC;
    if (good && s[host] == '/') {
        const char *bits = s + host + 1;
        unsigned long n =
            consists_of(bits, DIGITS) && strlen(bits) <= 3 ? strtoul(bits, NULL, 10) : 129;
        good = n <= (family == AF_INET ? 32u : 128u);
    }
    if (!good)
        return error_set(err, ERROR_INVALID,
                         "must be a range of addresses: \"192.0.2.0/24\" or \"2001:db8::/32\"");
    return 0;
}

int conf_form_pattern(const char *s, struct error *err)
{
    const char *star = strchr(s, '*');
    if (!star || strchr(star + 1, '*') || strpbrk(s, "/?") || *s == '.')
        return error_set(err, ERROR_INVALID,
                         "must be a file name with exactly one '*', which stands for the VM's "
                         "name: \"*.qmp\"");
    return 0;
}

/* Others either hand the password to whoever listens, or let everybody in, or are broken; so they
 * are not to be had by a slip of the pen. */
int conf_form_mechanism(const char *s, struct error *err)
{
    static const char *const known[] = { "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "GSSAPI",
                                         "EXTERNAL", "PLAIN" };
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (strcmp(s, known[i]) == 0)
            return 0;
    }
    return error_set(
        err, ERROR_INVALID,
        "must be \"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-256\", \"GSSAPI\", \"EXTERNAL\" or "
        "\"PLAIN\"");
}

int conf_form_service(const char *s, struct error *err)
{
    if (!consists_of(s, LOWER DIGITS "-") || strlen(s) > DNS_LABEL_MAX)
        return error_set(err, ERROR_INVALID,
                         "must be made of lower case letters, digits and '-', at most %d",
                         DNS_LABEL_MAX);
    return 0;
}

int conf_form_hostname(const char *s, struct error *err)
{
    bool good = strlen(s) <= DNS_NAME_MAX;
    for (const char *label = s; good; label++) {
        size_t len = strcspn(label, ".");
        good = is_dns_label(label, len) && strspn(label, LOWER DIGITS "-") >= len;
        label += len;
        if (!*label)
            break;
    }
    if (!good)
        return error_set(err, ERROR_INVALID,
                         "must be a DNS name in lower case: \"gateway.example.com\"");
    return 0;
}

/* --- a sink of the audit ---------------------------------------------------------------------- */

int conf_form_host(const char *s, struct error *err)
{
    bool good = strlen(s) <= DNS_NAME_MAX;
    if (address_family(s) != AF_UNSPEC)
        return 0;
    for (const char *label = s; good; label++) {
        size_t len = strcspn(label, ".");
        good = is_dns_label(label, len);
        label += len;
        if (!*label)
            break;
    }
    /* what looks like an address and is none is no name either */
    if (!good || consists_of(s, DIGITS "."))
        return error_set(err, ERROR_INVALID,
                         "must be a DNS name or a numeric address: \"log.example.com\"");
    return 0;
}

static const struct {
    const char *word;
    int number; /* RFC 5424, table 1 */
} facilities[] = {
    { "user", 1 },    { "daemon", 3 },  { "auth", 4 },    { "authpriv", 10 }, { "audit", 13 },
    { "local0", 16 }, { "local1", 17 }, { "local2", 18 }, { "local3", 19 },   { "local4", 20 },
    { "local5", 21 }, { "local6", 22 }, { "local7", 23 },
};

int conf_syslog_facility(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(facilities); i++) {
        if (strcmp(facilities[i].word, word) == 0)
            return facilities[i].number;
    }
    return -1;
}

int conf_form_facility(const char *s, struct error *err)
{
    if (conf_syslog_facility(s) < 0)
        return error_set(err, ERROR_INVALID,
                         "must be user, daemon, auth, authpriv, audit, or local0 to local7");
    return 0;
}

static bool is_visible(const char *s, size_t max)
{
    size_t n = 0;
    for (; s[n]; n++) {
        if (s[n] < 0x21 || s[n] > 0x7e)
            return false;
    }
    return n > 0 && n <= max;
}

int conf_form_app_name(const char *s, struct error *err)
{
    if (!is_visible(s, CONF_APP_NAME_MAX))
        return error_set(err, ERROR_INVALID, "must be 1 to %d visible ASCII characters",
                         CONF_APP_NAME_MAX);
    return 0;
}

#define SYSLOG_HOSTNAME_MAX 255 /* RFC 5424, section 6 */

int conf_form_visible(const char *s, struct error *err)
{
    if (!is_visible(s, SYSLOG_HOSTNAME_MAX))
        return error_set(err, ERROR_INVALID, "must be 1 to %d visible ASCII characters",
                         SYSLOG_HOSTNAME_MAX);
    return 0;
}

#define SD_NAME_MAX 32 /* RFC 5424, section 6 */

/* Names without a number are IANA's to give (section 6.3.2); a number may have parts, with dots. */
int conf_form_sd_id(const char *s, struct error *err)
{
    const char *at = strchr(s, '@');
    bool good = at && at > s && is_visible(s, SD_NAME_MAX) && !strpbrk(s, "=\"]") &&
                consists_of(at + 1, DIGITS ".") && at[1] != '.' && !strstr(at, "..") &&
                s[strlen(s) - 1] != '.';
    if (!good)
        return error_set(err, ERROR_INVALID,
                         "must be a name and a private enterprise number, at most %d characters: "
                         "\"qmpgate@32473\"",
                         SD_NAME_MAX);
    return 0;
}

/* The parameters behind a URI's '?' have this name. */
static bool has_parameter(const char *uri, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = strchr(uri, '?'); p; p = strpbrk(p, "&;")) {
        p++;
        if (strncasecmp(p, name, len) == 0 && p[len] == '=')
            return true;
    }
    return false;
}

/* What a URI says beyond where the host is: a program to run, or whom not to verify. */
static int check_uri_parameters(const char *s, struct error *err)
{
    static const char *const forbidden[] = { "command", "no_verify", "no_sanity" };
    if (strchr(s, '%')) /* by which a forbidden one could be hidden */
        return error_set(err, ERROR_INVALID, "must have no '%%' in it");
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
        if (has_parameter(s, forbidden[i]))
            return error_set(err, ERROR_DENIED, "must not have the parameter %s", forbidden[i]);
    }
    return 0;
}

int conf_form_libvirt_uri(const char *s, struct error *err)
{
    static const char *const schemes[] = { "qemu:///",        "qemu://",     "qemu+unix:///",
                                           "qemu+tls://",     "qemu+ssh://", "qemu+libssh://",
                                           "qemu+libssh2://", "test://" };
    for (const char *p = s; *p; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return error_set(err, ERROR_INVALID, "must be a URI, without spaces");
    }
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        if (strncmp(s, schemes[i], strlen(schemes[i])) == 0)
            return check_uri_parameters(s, err);
    }
    return error_set(err, ERROR_INVALID,
                     "must begin with qemu:///, qemu+unix:///, qemu+tls:// or qemu+ssh://");
}
