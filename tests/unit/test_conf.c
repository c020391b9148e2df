/* Refusals are a table of texts: each tests/conf/bad/X.conf ends in lines "#= LINE: sentence", all
 * that is reported about it and nothing else, in order. */
#include "config.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/option_table.h"
#include "conf/value.h"

/* --- helpers ---------------------------------------------------------------------------------- */

static void collect(void *opaque, const char *line)
{
    struct buf *all = opaque;
    buf_add_str(all, line);
    buf_add_char(all, '\n');
}

static struct conf *parse(const char *name, const char *text)
{
    CLEANUP_BUF struct buf all = { 0 };
    struct conf *c = NULL;
    int rc = conf_parse(name, text, strlen(text), collect, &all, &c);
    buf_add_char(&all, '\0');
    assert_string_equal(buf_data(&all), "");
    assert_int_equal(rc, 0);
    return c;
}

static void read_whole(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n;
    while ((n = fread(buf_reserve(out, 4096), 1, 4096, f)) > 0)
        buf_commit(out, n);
    fclose(f);
}

static char *source_path(const char *relative)
{
    const char *top = getenv("abs_top_srcdir");
    return mem_printf("%s/%s", top ? top : ".", relative);
}

#define MINIMUM                                                    \
    "policy = \"policy.conf\"\naudit { path = \"audit.jsonl\" }\n" \
    "listener \"local\" { path = \"/run/s\" }\n"

/* --- the table of bad texts ------------------------------------------------------------------- */

/* What the text says that is wrong with it, with the file's name put in. */
static void expected_reports(const char *name, const char *text, struct buf *out)
{
    for (const char *mark = text; (mark = strstr(mark, "#= ")) != NULL; mark++) {
        size_t len = strcspn(mark + 3, "\n");
        buf_printf(out, "%s:%.*s\n", name, (int)len, mark + 3);
    }
    buf_add_char(out, '\0');
}

static void check_bad_file(const char *directory, const char *name)
{
    CLEANUP_FREE char *path = mem_printf("%s/%s", directory, name);
    CLEANUP_BUF struct buf text = { 0 };
    CLEANUP_BUF struct buf expected = { 0 };
    CLEANUP_BUF struct buf found = { 0 };
    read_whole(path, &text);
    size_t len = buf_len(&text);
    buf_add_char(&text, '\0');
    expected_reports(name, buf_data(&text), &expected);
    struct conf *c = NULL;
    int rc = conf_parse(name, buf_data(&text), len, collect, &found, &c);
    buf_add_char(&found, '\0');
    assert_string_equal(buf_data(&found), buf_data(&expected));
    assert_true(rc < 0);
    assert_null(c);
}

static void every_bad_text_is_refused_for_what_it_says(void **state)
{
    (void)state;
    CLEANUP_FREE char *directory = source_path("tests/conf/bad");
    DIR *d = opendir(directory);
    assert_non_null(d);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        check_bad_file(directory, e->d_name);
        n++;
    }
    closedir(d);
    assert_true(n > 20);
}

static void a_text_with_a_nul_is_refused(void **state)
{
    (void)state;
    struct conf *c = NULL;
    assert_true(conf_parse("f", MINIMUM "\0", sizeof(MINIMUM), NULL, NULL, &c) < 0);
    assert_null(c);
}

static void a_file_that_is_not_there_is_reported(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf all = { 0 };
    struct conf *c = NULL;
    assert_true(conf_load("/nonexistent/f.conf", collect, &all, &c) < 0);
    buf_add_char(&all, '\0');
    assert_string_equal(
        buf_data(&all),
        "/nonexistent/f.conf:1: the file cannot be read: No such file or directory\n");
}

static void a_directory_is_no_configuration(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf all = { 0 };
    struct conf *c = NULL;
    assert_true(conf_load("/", collect, &all, &c) < 0);
    buf_add_char(&all, '\0');
    assert_string_equal(buf_data(&all), "/:1: the file is not a regular file\n");
}

static void the_policy_of_a_bad_file_is_told(void **state)
{
    (void)state;
    CLEANUP_FREE char *bad = source_path("tests/conf/bad/option-twice.conf");
    CLEANUP_FREE char *expected = source_path("tests/conf/bad/p");
    unsigned line;
    CLEANUP_FREE char *found = conf_policy_of(bad, &line);
    assert_string_equal(found, expected);
    CLEANUP_FREE char *broken = source_path("tests/conf/bad/section-not-closed.conf");
    assert_null(conf_policy_of(broken, &line));
    assert_null(conf_policy_of("/nonexistent/f.conf", &line));
}

/* --- good texts ------------------------------------------------------------------------------- */

static void the_least_that_works_has_the_defaults(void **state)
{
    (void)state;
    struct conf *c = parse("/etc/qmpgate/qmpgate.conf", MINIMUM);
    assert_string_equal(c->policy, "/etc/qmpgate/policy.conf");
    assert_string_equal(c->state_dir, "/var/lib/qmpgate");
    assert_string_equal(c->audit.path, "/etc/qmpgate/audit.jsonl");
    assert_int_equal(c->audit.sync, CONF_SYNC_WRITE);
    assert_int_equal(c->refusal_detail, CONF_REFUSAL_BRIEF);
    assert_null(c->user);
    assert_false(c->tls.given);
    assert_int_equal(c->listeners[0].mode, 0660);
    assert_int_equal(c->limits.request_bytes, LIMIT_REQUEST_BYTES_DEFAULT);
    assert_int_equal(c->limits.reply_bytes, LIMIT_REPLY_BYTES_DEFAULT);
    assert_int_equal(c->limits.vm_timeout_seconds, 30);
    assert_int_equal(c->limits.barrier_wait_seconds, 10);
    assert_int_equal(c->limits.monitor_linger_seconds, 60);
    conf_unref(c);
}

static void the_example_of_the_manual_loads(void **state)
{
    (void)state;
    CLEANUP_FREE char *path = source_path("tests/conf/good/contract.conf");
    CLEANUP_BUF struct buf all = { 0 };
    struct conf *c = NULL;
    int rc = conf_load(path, collect, &all, &c);
    buf_add_char(&all, '\0');
    assert_string_equal(buf_data(&all), "");
    assert_int_equal(rc, 0);
    assert_int_equal(c->n_listeners, 2);
    assert_string_equal(c->listeners[0].address, "0.0.0.0");
    assert_int_equal(c->listeners[0].port, 4434);
    assert_string_equal(c->listeners[0].sni_suffix, ".vm.example.com");
    assert_int_equal(c->listeners[0].client_cert, CONF_CLIENT_CERT_REQUIRED);
    assert_string_equal(c->listeners[1].path, "/run/qmpgate/control.sock");
    assert_string_equal(c->tls.cas[0].name, "");
    assert_non_null(c->tls.cas[0].crl);
    assert_string_equal(c->vms[0].name, "web1");
    assert_string_equal(c->vms[0].labels.items[0], "tenant=acme");
    assert_string_equal(c->directories[0].path, "/run/qemu");
    assert_string_equal(c->directories[0].pattern, "*.qmp");
    conf_unref(c);
}

static void logins_by_sasl_have_defaults(void **state)
{
    (void)state;
    struct conf *c = parse("/e/f", MINIMUM
                           "listener \"sasl\" { path = /t identity = sasl sasl = {\"PLAIN\"} }\n");
    assert_int_equal(c->listeners[0].n_sasl, 0);
    assert_int_equal(c->listeners[1].n_sasl, 1);
    assert_string_equal(c->listeners[1].sasl[0], "PLAIN");
    assert_string_equal(c->sasl.service, "qmpgate");
    assert_string_equal(c->sasl.db, "/var/lib/qmpgate/sasldb2");
    assert_int_equal(c->sasl.pwcheck, CONF_PWCHECK_SASLDB);
    assert_null(c->sasl.hostname);
    assert_null(c->sasl.realm);
    assert_null(c->sasl.keytab);
    assert_int_equal(c->sasl.session_seconds, 36000);
    assert_int_equal(c->listeners[0].identity, CONF_IDENTITY_EXTERNAL);
    assert_false(c->listeners[0].two_factors);
    assert_int_equal(c->limits.login_attempts, 3);
    assert_int_equal(c->limits.login_delay_milliseconds, 1000);
    conf_unref(c);
}

static void logins_by_sasl_are_configured(void **state)
{
    (void)state;
    struct conf *c = parse("/e/f", MINIMUM
                           "tls { cert = c key = k }\n"
                           "listener \"tls\" { address = \"::\" port = 1 client_cert = \"none\"\n"
                           "    sasl = {\"SCRAM-SHA-256-PLUS\", \"GSSAPI\"} }\n"
                           "sasl { service = \"qmp\" hostname = \"gw.example.com\"\n"
                           "    realm = \"example.com\" db = \"sasldb2\" keytab = \"k.keytab\"\n"
                           "    pwcheck = \"saslauthd\" saslauthd = \"mux\" }\n"
                           "limits { login_attempts = 5 login_delay_milliseconds = 2000 }\n");
    assert_int_equal(c->listeners[1].n_sasl, 2);
    assert_string_equal(c->sasl.service, "qmp");
    assert_string_equal(c->sasl.hostname, "gw.example.com");
    assert_string_equal(c->sasl.realm, "example.com");
    assert_string_equal(c->sasl.db, "/e/sasldb2");
    assert_string_equal(c->sasl.keytab, "/e/k.keytab");
    assert_int_equal(c->sasl.pwcheck, CONF_PWCHECK_SASLAUTHD);
    assert_string_equal(c->sasl.saslauthd, "/e/mux");
    assert_int_equal(c->limits.login_attempts, 5);
    assert_int_equal(c->limits.login_delay_milliseconds, 2000);
    conf_unref(c);
}

static void libvirts_are_configured(void **state)
{
    (void)state;
    struct conf *c =
        parse("/e/f", MINIMUM "libvirt \"a\" { uri = \"qemu:///system\" }\n"
                              "libvirt \"b\" { uri = \"qemu+tls://host.example.com/system\"\n"
                              "    include = {\"acme-*\", \"x\"} exclude = {\"*-old\"}\n"
                              "    labels = {\"site=b\"} max_calls = 20 grace_seconds = 0 }\n"
                              "libvirt \"c\" { uri = \"qemu+ssh://user@host/session\" }\n"
                              "libvirt \"d\" { uri = \"qemu+unix:///system?socket=/s\" }\n");
    assert_int_equal(c->n_libvirts, 4);
    assert_string_equal(c->libvirts[0].uri, "qemu:///system");
    assert_int_equal(c->libvirts[0].n_include, 0);
    assert_int_equal(c->libvirts[0].max_calls, 12);
    assert_int_equal(c->libvirts[0].grace_seconds, 30);
    assert_false(c->libvirts[0].trust_metadata);
    assert_false(c->libvirts[0].readonly_native);
    assert_false(c->libvirts[0].follow_restart);
    assert_int_equal(c->libvirts[1].n_include, 2);
    assert_string_equal(c->libvirts[1].exclude[0], "*-old");
    assert_string_equal(c->libvirts[1].labels.items[0], "site=b");
    assert_int_equal(c->libvirts[1].max_calls, 20);
    assert_int_equal(c->libvirts[1].grace_seconds, 0);
    conf_unref(c);
}

static void the_shipped_example_loads(void **state)
{
    (void)state;
    CLEANUP_FREE char *path = source_path("conf/examples/qmpgate.conf");
    CLEANUP_BUF struct buf all = { 0 };
    struct conf *c = NULL;
    int rc = conf_load(path, collect, &all, &c);
    buf_add_char(&all, '\0');
    assert_string_equal(buf_data(&all), "");
    assert_int_equal(rc, 0);
    conf_unref(c);
}

static void certification_authorities_may_have_names(void **state)
{
    (void)state;
    struct conf *c = parse("/e/f", MINIMUM "tls { cert = c key = \"pkcs11:object=k\"\n"
                                           " ca \"own\" { file = a.pem }\n"
                                           " ca \"partners\" { file = /b.pem crl = b.crl } }\n"
                                           "listener \"tls\" { address = \"::\" port = 1 }\n");
    assert_string_equal(c->tls.key, "pkcs11:object=k");
    assert_int_equal(c->tls.n_cas, 2);
    assert_string_equal(c->tls.cas[0].name, "own");
    assert_string_equal(c->tls.cas[0].file, "/e/a.pem");
    assert_null(c->tls.cas[0].crl);
    assert_string_equal(c->tls.cas[1].file, "/b.pem");
    assert_string_equal(c->tls.cas[1].crl, "/e/b.crl");
    conf_unref(c);
}

static void a_balancer_may_stand_in_front(void **state)
{
    (void)state;
    struct conf *c = parse("/e/f", MINIMUM "tls { cert = c key = k ca = a }\n"
                                           "listener \"t\" { address = \"10.0.0.1\" port = 65535\n"
                                           " proxy_protocol = \"v2\"\n"
                                           " proxy_from = {\"10.0.0.0/8\", \"2001:db8::/32\",\n"
                                           "               \"127.0.0.1\"} vm = web }\n"
                                           "vm \"web\" { address = \"127.1.2.3\" port = 1 }\n");
    assert_true(c->listeners[1].proxy_protocol);
    assert_int_equal(c->listeners[1].n_proxy_from, 3);
    assert_string_equal(c->listeners[1].proxy_from[1], "2001:db8::/32");
    assert_string_equal(c->listeners[1].vm, "web");
    conf_unref(c);
}

static void what_is_compared_later_is_in_lower_case(void **state)
{
    (void)state;
    struct conf *c = parse(
        "/e/f", MINIMUM "vm \"Web\" { socket = s uuid = \"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\" "
                        "}\ntls { cert = c key = k ca = a } listener t { address = \"::1\" port = "
                        "2 sni_suffix = \".VM.Example\" }");
    assert_string_equal(c->vms[0].uuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    assert_string_equal(c->vms[0].name, "Web");
    assert_string_equal(c->listeners[1].sni_suffix, ".vm.example");
    conf_unref(c);
}

static void lines_are_those_of_the_file_whatever_comments_stand_before(void **state)
{
    (void)state;
    struct conf *c = parse("/e/f", "# 1\n/* 2\n3 */\n// 4\n" MINIMUM "vm \"a\" { socket = s }");
    assert_int_equal(c->listeners[0].line, 7);
    assert_int_equal(c->vms[0].line, 8);
    conf_unref(c);
}

static void a_relative_file_name_still_gives_absolute_paths(void **state)
{
    (void)state;
    CLEANUP_FREE char *here = getcwd(NULL, 0);
    CLEANUP_FREE char *expected = mem_printf("%s/policy.conf", here);
    CLEANUP_FREE char *deeper = mem_printf("%s/a/b/policy.conf", here);
    struct conf *c = parse("f", MINIMUM);
    assert_string_equal(c->policy, expected);
    conf_unref(c);
    c = parse("a/b/f", MINIMUM);
    assert_string_equal(c->policy, deeper);
    conf_unref(c);
}

/* --- reload ----------------------------------------------------------------------------------- */

static void assert_not_reloadable(const char *before, const char *after, const char *expected)
{
    struct conf *a = parse("/e/f", before);
    struct conf *b = parse("/e/f", after);
    CLEANUP_BUF struct buf all = { 0 };
    size_t n = conf_not_reloadable(a, b, collect, &all);
    size_t lines = 0;
    for (size_t i = 0; i < buf_len(&all); i++)
        lines += buf_data(&all)[i] == '\n';
    assert_int_equal(n, lines);
    buf_add_char(&all, '\0');
    assert_string_equal(buf_data(&all), expected);
    conf_unref(a);
    conf_unref(b);
}

static void a_reload_can_change_policy_limits_and_vms(void **state)
{
    (void)state;
    assert_not_reloadable(MINIMUM, MINIMUM, "");
    assert_not_reloadable(MINIMUM,
                          "policy = p audit { path = \"audit.jsonl\" } vm a { socket = s }\n"
                          "listener \"local\" { path = \"/run/s\" vm = a }\n"
                          "limits { connections = 7 }",
                          "");
}

static void a_reload_cannot_change_the_keytab(void **state)
{
    (void)state;
    assert_not_reloadable(MINIMUM, MINIMUM "sasl { realm = \"x\" pwcheck = \"saslauthd\" }", "");
    assert_not_reloadable(MINIMUM, MINIMUM "sasl { keytab = \"/k\" }",
                          "sasl.keytab has changed: restart to have that\n");
}

static void a_reload_cannot_change_threads_and_audit(void **state)
{
    (void)state;
    assert_not_reloadable(MINIMUM,
                          "policy = p threads = 3 audit { path = a sync = data }\n"
                          "listener \"local\" { path = \"/run/s\" }\n",
                          "threads has changed: restart to have that\n"
                          "audit.path has changed: restart to have that\n"
                          "audit.sync has changed: restart to have that\n");
}

static void a_listener_can_come_go_and_move_but_keeps_the_socket_that_it_has(void **state)
{
    (void)state;
    assert_not_reloadable(MINIMUM,
                          "policy = p audit { path = \"audit.jsonl\" }\n"
                          "listener \"other\" { path = \"/run/s\" }\n",
                          "");
    assert_not_reloadable(MINIMUM,
                          "policy = p audit { path = \"audit.jsonl\" }\n"
                          "listener \"local\" { path = \"/run/t\" mode = \"0600\" }\n",
                          "");
    assert_not_reloadable(MINIMUM,
                          "policy = p audit { path = \"audit.jsonl\" }\n"
                          "listener \"local\" { path = \"/run/s\" mode = \"0600\" }\n",
                          "listener \"local\": mode has changed: restart to have that\n");
}

static void a_reload_cannot_change_sinks(void **state)
{
    (void)state;
    const char *one = MINIMUM "audit_sink \"a\" { type = journald }";
    assert_not_reloadable(one, one, "");
    assert_not_reloadable(one, MINIMUM "audit_sink \"a\" { type = syslog queue = 5 }",
                          "audit_sink \"a\": type has changed: restart to have that\n"
                          "audit_sink \"a\": queue has changed: restart to have that\n");
    assert_not_reloadable(one, MINIMUM "audit_sink \"b\" { type = journald }",
                          "audit_sink \"b\" is new: restart to have it\n"
                          "audit_sink \"a\" is gone: restart to be without it\n");
}

static void a_sink_has_its_defaults(void **state)
{
    (void)state;
    struct conf *c = parse("/e/f", MINIMUM "audit_sink \"a\" { type = syslog address = \"::1\" "
                                           "ca = \"c.pem\" }");
    assert_int_equal(c->n_sinks, 1);
    const struct conf_audit_sink *s = &c->sinks[0];
    assert_string_equal(s->name, "a");
    assert_int_equal(s->type, CONF_SINK_SYSLOG);
    assert_null(s->path);
    assert_int_equal(s->port, 6514);
    assert_null(s->server_name);
    assert_string_equal(s->ca, "/e/c.pem");
    assert_int_equal(conf_syslog_facility(s->facility), 10);
    assert_string_equal(s->app_name, "qmpgate");
    assert_string_equal(s->sd_id, "qmpgate@32473");
    assert_int_equal(s->message_bytes, 8192);
    assert_int_equal(s->queue, 1000);
    assert_int_equal(s->settle_seconds, 5);
    assert_int_equal(s->retry_seconds, 30);
    assert_int_equal(s->lag_seconds, 30);
    conf_unref(c);
}

/* --- the table -------------------------------------------------------------------------------- */

static void every_option_says_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_n_options; i++) {
        const struct conf_option *o = &conf_options[i];
        assert_true(o->doc && *o->doc && o->doc[strlen(o->doc) - 1] == '.');
        assert_ptr_equal(conf_option_find(o->section, o->name), o); /* no name twice */
        bool number = o->type == CONF_TYPE_NUMBER || o->type == CONF_TYPE_SIZE;
        assert_true(!number || o->max > o->min);
        assert_false(o->required && o->default_text);
        assert_true(o->section == CONF_LIMITS ? o->default_text != NULL : true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_text_is_refused_for_what_it_says),
        cmocka_unit_test(a_text_with_a_nul_is_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_reported),
        cmocka_unit_test(a_directory_is_no_configuration),
        cmocka_unit_test(the_policy_of_a_bad_file_is_told),
        cmocka_unit_test(the_least_that_works_has_the_defaults),
        cmocka_unit_test(the_example_of_the_manual_loads),
        cmocka_unit_test(logins_by_sasl_have_defaults),
        cmocka_unit_test(logins_by_sasl_are_configured),
        cmocka_unit_test(libvirts_are_configured),
        cmocka_unit_test(the_shipped_example_loads),
        cmocka_unit_test(certification_authorities_may_have_names),
        cmocka_unit_test(a_balancer_may_stand_in_front),
        cmocka_unit_test(what_is_compared_later_is_in_lower_case),
        cmocka_unit_test(lines_are_those_of_the_file_whatever_comments_stand_before),
        cmocka_unit_test(a_relative_file_name_still_gives_absolute_paths),
        cmocka_unit_test(a_reload_can_change_policy_limits_and_vms),
        cmocka_unit_test(a_reload_cannot_change_the_keytab),
        cmocka_unit_test(a_reload_cannot_change_sinks),
        cmocka_unit_test(a_sink_has_its_defaults),
        cmocka_unit_test(a_reload_cannot_change_threads_and_audit),
        cmocka_unit_test(a_listener_can_come_go_and_move_but_keeps_the_socket_that_it_has),
        cmocka_unit_test(every_option_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
