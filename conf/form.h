/* The form of a value, checked alone: 0, or negative and a sentence that goes behind the option's
 * name. What a value means with others is in conf/check.c. */
#ifndef CONF_FORM_H
#define CONF_FORM_H

#include <stdbool.h>
#include "base/error.h"

#define CONF_VM_NAME_MAX 64 /* bytes; it stands in every audit record and in TLS server names */
#define CONF_UUID_LEN    36

/* [A-Za-z0-9._-]+, not with a dot in front, at most CONF_VM_NAME_MAX, not in a UUID's form. */
int conf_form_vm_name(const char *s, struct error *err) MUST_CHECK;
int conf_form_name(const char *s, struct error *err) MUST_CHECK;  /* of a listener or CA */
int conf_form_label(const char *s, struct error *err) MUST_CHECK; /* key=value */
int conf_form_uuid(const char *s, struct error *err) MUST_CHECK;
int conf_form_sni_suffix(const char *s, struct error *err) MUST_CHECK;
int conf_form_address(const char *s, struct error *err) MUST_CHECK;
int conf_form_loopback(const char *s, struct error *err) MUST_CHECK;
int conf_form_cidr(const char *s, struct error *err) MUST_CHECK;
int conf_form_pattern(const char *s, struct error *err) MUST_CHECK; /* of a vm_directory */

/* Of a sink: a DNS name or a numeric address; a facility of syslog; parts of a message's header. */
#define CONF_APP_NAME_MAX 48 /* bytes: RFC 5424, section 6 */
int conf_form_host(const char *s, struct error *err) MUST_CHECK;
int conf_form_facility(const char *s, struct error *err) MUST_CHECK;
int conf_form_app_name(const char *s, struct error *err) MUST_CHECK;
int conf_form_visible(const char *s, struct error *err) MUST_CHECK;
int conf_form_sd_id(const char *s, struct error *err) MUST_CHECK;
int conf_form_libvirt_uri(const char *s, struct error *err) MUST_CHECK;

/* Of SASL: one of those that auth/ has; a service; a DNS name in lower case (also of a realm). */
int conf_form_mechanism(const char *s, struct error *err) MUST_CHECK;
int conf_form_service(const char *s, struct error *err) MUST_CHECK;
int conf_form_hostname(const char *s, struct error *err) MUST_CHECK;

#endif
