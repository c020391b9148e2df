#include "config.h"
#include "conf/option_table.h"

#include <string.h>
#include <sys/un.h>
#include "base/limits.h"
#include "base/util.h"
#include "conf/conf.h"
#include "conf/form.h"

#define SECONDS_A_DAY  (24u * 3600)
#define SECONDS_A_WEEK (7 * SECONDS_A_DAY)
#define MIB            (1ull << 20)
#define GIB            (1ull << 30)

/* What fits into a UNIX socket's address, unix(7). */
#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

#define STRINGIFY(x)  STRINGIFY_(x)
#define STRINGIFY_(x) #x

#define TOP(m)       .section = CONF_TOP, .member = offsetof(struct conf, m)
#define TLS(m)       .section = CONF_TLS, .member = offsetof(struct conf, tls.m)
#define CA(m)        .section = CONF_CA, .member = offsetof(struct conf_ca, m)
#define LISTENER(m)  .section = CONF_LISTENER, .member = offsetof(struct conf_listener, m)
#define VM(m)        .section = CONF_VM, .member = offsetof(struct conf_vm, m)
#define DIRECTORY(m) .section = CONF_VM_DIRECTORY, .member = offsetof(struct conf_vm_directory, m)
#define LIBVIRT(m)   .section = CONF_LIBVIRT, .member = offsetof(struct conf_libvirt, m)
#define AUDIT(m)     .section = CONF_AUDIT, .member = offsetof(struct conf, audit.m)
#define SINK(m) \
    .section = CONF_AUDIT_SINK, .name = #m, .member = offsetof(struct conf_audit_sink, m)
#define SASL(m)  .section = CONF_SASL, .name = #m, .member = offsetof(struct conf, sasl.m)
#define LIMIT(m) .section = CONF_LIMITS, .name = #m, .member = offsetof(struct conf, limits.m)

const struct conf_section conf_sections[CONF_SECTIONS] = {
    [CONF_TOP] = {
        .name = "",
        .parent = CONF_SECTIONS,
    },
    [CONF_TLS] = {
        .name = "tls",
        .doc = "The gateway's certificate, and whose certificates it believes. Needed by listeners "
               "with an address.",
    },
    [CONF_CA] = {
        .name = "ca",
        .title = "NAME",
        .parent = CONF_TLS,
        .doc = "Stands in *tls*, in place of the options *ca* and *crl*, where clients come from "
               "several certification authorities. Identities then carry the authority's name: a "
               "pattern of the policy reads *x509:NAME:CN=...*.",
        .array = offsetof(struct conf, tls.cas),
        .count = offsetof(struct conf, tls.n_cas),
        .size = sizeof(struct conf_ca),
        .title_member = offsetof(struct conf_ca, name),
        .check_title = conf_form_name,
    },
    [CONF_LISTENER] = {
        .name = "listener",
        .title = "NAME",
        .doc = "A place where clients connect: TLS over TCP (*address* and *port*), or a UNIX "
               "socket (*path*) whose clients are known by their user.",
        .array = offsetof(struct conf, listeners),
        .count = offsetof(struct conf, n_listeners),
        .size = sizeof(struct conf_listener),
        .title_member = offsetof(struct conf_listener, name),
        .line_member = offsetof(struct conf_listener, line),
        .has_line = true,
        .check_title = conf_form_name,
    },
    [CONF_VM] = {
        .name = "vm",
        .title = "NAME",
        .doc = "A virtual machine by its QMP monitor: a UNIX *socket*, or *address* and *port* on "
               "loopback. The gateway wants the monitor for itself: QEMU serves one client a "
               "monitor. NAME is made of letters, digits, '.', '_' and '-' (at most "
               STRINGIFY(CONF_VM_NAME_MAX) "). A name without '.' and '_' can be asked for by TLS "
               "server name.",
        .array = offsetof(struct conf, vms),
        .count = offsetof(struct conf, n_vms),
        .size = sizeof(struct conf_vm),
        .title_member = offsetof(struct conf_vm, name),
        .line_member = offsetof(struct conf_vm, line),
        .has_line = true,
        .check_title = conf_form_vm_name,
    },
    [CONF_VM_DIRECTORY] = {
        .name = "vm_directory",
        .title = "PATH",
        .doc = "A directory in which QMP sockets come and go: each is a virtual machine, named as "
               "the file without what surrounds the pattern's '\\*'. Symbolic links, and names "
               "that a VM cannot have, are left out. A *vm* of the same name comes first. When a socket "
               "is removed, or another file takes its name, who is attached to the machine behind "
               "it is told by *GATEWAY_VM_DOWN* and disconnected, two seconds later, though the "
               "machine may still run; who attaches meanwhile gets what has the name then.",
        .array = offsetof(struct conf, directories),
        .count = offsetof(struct conf, n_directories),
        .size = sizeof(struct conf_vm_directory),
        .title_member = offsetof(struct conf_vm_directory, path),
        .line_member = offsetof(struct conf_vm_directory, line),
        .has_line = true,
        .title_is_path = true,
    },
    [CONF_LIBVIRT] = {
        .name = "libvirt",
        .title = "NAME",
        .doc = "A libvirtd, on this machine or another, all of whose domains are virtual machines "
               "of the gateway: they come, go, start and stop with what libvirt says, and their "
               "monitors are reached through it. A domain's UUID counts as if it were configured. "
               "Its name is the VM's name; while two VMs have the same name, here or in another "
               "section, or a *vm* has it, the VM is called NAME/DOMAIN, and it can always be asked "
               "for so. A domain whose name is none that a VM can have goes by its UUID only. "
               "libvirt marks a domain as tainted (custom-monitor) at the first command. Commands are "
               "given with the gateway's own rights at libvirt: the policy is all that stands "
               "between a client and the domain.",
        .array = offsetof(struct conf, libvirts),
        .count = offsetof(struct conf, n_libvirts),
        .size = sizeof(struct conf_libvirt),
        .title_member = offsetof(struct conf_libvirt, name),
        .line_member = offsetof(struct conf_libvirt, line),
        .has_line = true,
        .check_title = conf_form_name,
    },
    [CONF_AUDIT] = {
        .name = "audit",
        .doc = "The record of who did what. A command that cannot be recorded does not run.",
    },
    [CONF_AUDIT_SINK] = {
        .name = "audit_sink",
        .title = "NAME",
        .doc = "A place where all records of the audit log are sent to as well, in order and each at "
               "least once: journald, or a syslog daemon, by a UNIX socket (*path*) or by TLS "
               "(*address*). It never holds up a command. See *qmpgate-audit*(5), SINKS. At most "
               STRINGIFY(CONF_SINKS_MAX) ".",
        .array = offsetof(struct conf, sinks),
        .count = offsetof(struct conf, n_sinks),
        .size = sizeof(struct conf_audit_sink),
        .title_member = offsetof(struct conf_audit_sink, name),
        .line_member = offsetof(struct conf_audit_sink, line),
        .has_line = true,
        .check_title = conf_form_name,
    },
    [CONF_SASL] = {
        .name = "sasl",
        .doc = "Who knows the names and passwords of clients that log in by SASL, on listeners with "
               "*sasl*. An identity by such a login is *sasl:USER@REALM*. Accounts of sasldb are "
               "made by *saslpasswd2 -f DB -u REALM USER*, readable for the gateway's user.",
    },
    [CONF_LIMITS] = {
        .name = "limits",
        .doc = "How much anybody may ask of the gateway.",
    },
};

/* clang-format off */
const struct conf_option conf_options[] = {
    /* --- the top ---------------------------------------------------------------------------------- */
    { TOP(policy), .name = "policy", .type = CONF_TYPE_PATH, .value_doc = "PATH", .required = true,
      .reload = true, .doc = "The policy: who may do what. See *policy.conf*(5)." },
    { TOP(policy_shadow), .name = "policy_shadow", .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .default_doc = "none", .reload = true,
      .doc = "Another policy, to be tried before it is put in force: each command is judged by it as well, nothing is decided by it. Where "
             "they differ the record in the audit says so (*shadow*, *shadow-rule*), and *gateway-stats* counts it. Who may log in "
             "and which machines he sees is not compared." },
    { TOP(state_dir), .name = "state_dir", .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .default_text = "/var/lib/qmpgate", .doc = "Where the gateway keeps what must outlive it: how far each *audit_sink* has got. It must be "
             "there and the gateway's user must be able to write to it, and not everybody; without "
             "sinks it is not looked at." },
    { TOP(threads), .name = "threads", .type = CONF_TYPE_NUMBER, .default_text = "0", .max = 256,
      .doc = "Threads that serve virtual machines; 0 stands for one a processor." },
    { TOP(front_threads), .name = "front_threads", .type = CONF_TYPE_NUMBER, .default_text = "0",
      .max = 256,
      .doc = "Threads that accept clients and shake hands; 0 stands for one a processor." },
    { TOP(user), .name = "user", .type = CONF_TYPE_TEXT, .value_doc = "NAME",
      .default_doc = "the user who starts it, who must not be root",
      .doc = "Whom to run as when started as root. \"root\" must be said outright, and is warned "
             "about." },
    { TOP(group), .name = "group", .type = CONF_TYPE_TEXT, .value_doc = "NAME",
      .default_doc = "the user's own", .doc = "The group to run as when started as root." },
    { TOP(refusal_detail), .name = "refusal_detail", .type = CONF_TYPE_CHOICE,
      .default_text = "brief", .reload = true,
      .choices = { { "brief", CONF_REFUSAL_BRIEF }, { "full", CONF_REFUSAL_FULL } },
      .doc = "What a refused client, and one that asks *gateway-explain*, is told: the command, the "
             "grant, the role and the pattern that decided (brief); or also where in the policy's "
             "file they stand, which class or glob would have matched, and which grants apply to "
             "the client at all (full; for those who trust their clients)." },

    /* --- tls -------------------------------------------------------------------------------------- */
    { TLS(cert), .name = "cert", .type = CONF_TYPE_PATH, .value_doc = "PATH", .required = true,
      .reload = true, .doc = "The gateway's certificate and its chain, PEM." },
    { TLS(key), .name = "key", .type = CONF_TYPE_KEY, .value_doc = "PATH|URI", .required = true,
      .reload = true, .doc = "Its private key: a PEM file, or a \"pkcs11:\" URI." },
    { .section = CONF_TLS, .member = offsetof(struct conf_ca, file), .of_unnamed_ca = true,
      .name = "ca", .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .reload = true,
      .doc = "Certificates of the authority that clients' certificates come from, PEM. Several "
             "authorities: *ca* sections." },
    { .section = CONF_TLS, .member = offsetof(struct conf_ca, crl), .of_unnamed_ca = true,
      .name = "crl", .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .reload = true, .default_doc = "nothing is revoked",
      .doc = "That authority's revocation list, PEM." },
    { TLS(priority), .name = "priority", .type = CONF_TYPE_TEXT, .value_doc = "STRING",
      .reload = true, .default_doc = "GnuTLS's own",
      .doc = "A GnuTLS priority string. TLS before 1.2 stays off whatever it says." },
    { CA(file), .name = "file", .type = CONF_TYPE_PATH, .value_doc = "PATH", .required = true,
      .reload = true, .doc = "The authority's certificates, PEM." },
    { CA(crl), .name = "crl", .type = CONF_TYPE_PATH, .value_doc = "PATH", .reload = true,
      .default_doc = "nothing is revoked", .doc = "Its revocation list, PEM." },

    /* --- listener --------------------------------------------------------------------------------- */
    { LISTENER(address), .name = "address", .type = CONF_TYPE_TEXT, .value_doc = "ADDRESS",
      .reload = true, .check = conf_form_address,
      .doc = "Where TLS clients connect: a numeric address, \"0.0.0.0\" or \"::\" for all. This or "
             "*path*." },
    { LISTENER(port), .name = "port", .type = CONF_TYPE_NUMBER, .min = 1, .max = 65535,
      .reload = true,
      .doc = "The TCP port. Needed with *address*." },
    { LISTENER(client_cert), .name = "client_cert", .type = CONF_TYPE_CHOICE, .reload = true,
      .default_text = "required",
      .choices = { { "required", CONF_CLIENT_CERT_REQUIRED },
                   { "optional", CONF_CLIENT_CERT_OPTIONAL },
                   { "none", CONF_CLIENT_CERT_NONE } },
      .doc = "Whether a TLS client must show a certificate." },
    { LISTENER(sni_suffix), .name = "sni_suffix", .type = CONF_TYPE_TEXT, .value_doc = "SUFFIX",
      .reload = true, .check = conf_form_sni_suffix,
      .doc = "A TLS client that asks for the server name VM followed by this suffix is attached to "
             "that VM at once: \".vm.example.com\"." },
    { LISTENER(vm), .name = "vm", .type = CONF_TYPE_TEXT, .value_doc = "NAME", .reload = true,
      .check = conf_form_vm_name,
      .doc = "Every client of this listener is attached to this VM. In place of *sni_suffix*." },
    { LISTENER(proxy_protocol), .name = "proxy_protocol", .type = CONF_TYPE_SWITCH, .reload = true,
      .choices = { { "v2", true } },
      .doc = "TLS clients come through a balancer that tells their address by version 2 of the "
             "PROXY protocol. It is required from the addresses of *proxy_from*, and refused from "
             "all others." },
    { LISTENER(proxy_from), .count = offsetof(struct conf_listener, n_proxy_from),
      .name = "proxy_from", .type = CONF_TYPE_TEXTS, .value_doc = "{CIDR, ...}", .reload = true,
      .check = conf_form_cidr, .doc = "The balancer's addresses. Needed with *proxy_protocol*." },
    { LISTENER(sasl), .count = offsetof(struct conf_listener, n_sasl), .name = "sasl",
      .type = CONF_TYPE_TEXTS, .value_doc = "{MECHANISM, ...}", .reload = true,
      .check = conf_form_mechanism, .default_doc = "no login by SASL",
      .doc = "Clients may log in by these mechanisms of SASL, and no others: \"SCRAM-SHA-256-PLUS\" "
             "(bound to the TLS session), \"SCRAM-SHA-256\", \"GSSAPI\" (Kerberos), \"EXTERNAL\" "
             "(the client's certificate or, on a UNIX socket, its user) and \"PLAIN\" (hands the "
             "password over). They are for clients that are nobody yet: without a certificate, "
             "where *client_cert* is optional or none, or by *identity* or *two_factors*." },
    { LISTENER(identity), .name = "identity", .type = CONF_TYPE_CHOICE, .reload = true,
      .default_text = "external",
      .choices = { { "external", CONF_IDENTITY_EXTERNAL }, { "sasl", CONF_IDENTITY_SASL } },
      .doc = "Who a client is that has a certificate (or, on a UNIX socket, peer credentials). "
             "external: whom that says, and without *two_factors* no login is needed. sasl: who logs "
             "in, and everybody has to." },
    { LISTENER(two_factors), .name = "two_factors", .type = CONF_TYPE_BOOL, .reload = true,
      .default_text = "false",
      .doc = "A certificate (or peer credentials) and a login by SASL are both needed; *identity* "
             "says which of them is who the client is, and the audit log has the other too. They may "
             "be two persons': any account that can log in goes with any certificate that is let in. "
             "EXTERNAL is no second factor and not offered then." },
    { LISTENER(path), .name = "path", .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .max = SOCKET_PATH_MAX, .reload = true, .doc = "Where local clients connect: a UNIX socket, made by the gateway." },
    { LISTENER(mode), .name = "mode", .type = CONF_TYPE_MODE, .value_doc = "\"0660\"",
      .default_text = "0660", .max = 0777, .doc = "The permissions of the UNIX socket, octal." },
    { LISTENER(owner), .name = "owner", .type = CONF_TYPE_TEXT, .value_doc = "NAME",
      .default_doc = "the gateway's user", .doc = "Who owns the UNIX socket." },
    { LISTENER(group), .name = "group", .type = CONF_TYPE_TEXT, .value_doc = "NAME",
      .default_doc = "the gateway's group", .doc = "The group of the UNIX socket." },

    /* --- vm --------------------------------------------------------------------------------------- */
    { VM(socket), .name = "socket", .type = CONF_TYPE_PATH, .value_doc = "PATH", .reload = true,
      .max = SOCKET_PATH_MAX, .doc = "The UNIX socket of the VM's QMP monitor." },
    { VM(address), .name = "address", .type = CONF_TYPE_TEXT, .value_doc = "ADDRESS",
      .reload = true, .check = conf_form_loopback,
      .doc = "In place of *socket*: the loopback address of a monitor on TCP." },
    { VM(port), .name = "port", .type = CONF_TYPE_NUMBER, .min = 1, .max = 65535, .reload = true,
      .doc = "The monitor's TCP port. Needed with *address*." },
    { VM(uuid), .name = "uuid", .type = CONF_TYPE_TEXT, .value_doc = "UUID", .reload = true,
      .check = conf_form_uuid, .default_doc = "any",
      .doc = "The VM's UUID. It is asked for at every connect; a VM that has another is not served. "
             "Policy and look-ups by UUID believe only what stands here." },
    { VM(labels.items), .count = offsetof(struct conf_vm, labels.n), .name = "labels",
      .type = CONF_TYPE_TEXTS, .value_doc = "{\"KEY=VALUE\", ...}", .reload = true,
      .check = conf_form_label, .doc = "What the policy may know the VM by." },
    { VM(hold), .name = "hold", .type = CONF_TYPE_BOOL, .default_text = "false", .reload = true,
      .doc = "Connect to the monitor at once and keep it, whether or not a client is attached." },

    /* --- vm_directory ----------------------------------------------------------------------------- */
    { DIRECTORY(pattern), .name = "pattern", .type = CONF_TYPE_TEXT, .value_doc = "PATTERN",
      .default_text = "*.qmp", .reload = true, .check = conf_form_pattern,
      .doc = "Which files are meant; its one '\\*' stands for the VM's name." },
    { DIRECTORY(labels.items), .count = offsetof(struct conf_vm_directory, labels.n),
      .name = "labels", .type = CONF_TYPE_TEXTS, .value_doc = "{\"KEY=VALUE\", ...}",
      .reload = true, .check = conf_form_label,
      .doc = "What the policy may know each of these VMs by." },
    { DIRECTORY(owners), .count = offsetof(struct conf_vm_directory, n_owners), .name = "owners",
      .type = CONF_TYPE_TEXTS, .value_doc = "{NAME, ...}", .reload = true,
      .default_doc = "anybody",
      .doc = "Users to whom a socket must belong. Give this where others than root can make files "
             "in the directory." },

    /* --- libvirt ---------------------------------------------------------------------------------- */
    { LIBVIRT(uri), .name = "uri", .type = CONF_TYPE_TEXT, .value_doc = "URI", .required = true,
      .reload = true, .check = conf_form_libvirt_uri,
      .doc = "Where it is: \"qemu:///system\", \"qemu:///session\", \"qemu+unix:///system?socket=PATH\", "
             "\"qemu+tls://HOST/system\", \"qemu+ssh://USER@HOST/system\". Connections that are not "
             "protected (qemu+tcp), that do not verify the host (no_verify), or that run a program of "
             "the URI's (qemu+ext, command) are refused." },
    { LIBVIRT(labels.items), .count = offsetof(struct conf_libvirt, labels.n), .name = "labels",
      .type = CONF_TYPE_TEXTS, .value_doc = "{\"KEY=VALUE\", ...}", .reload = true,
      .check = conf_form_label, .doc = "What the policy may know each of these VMs by." },
    { LIBVIRT(trust_metadata), .name = "trust_metadata", .type = CONF_TYPE_BOOL,
      .default_text = "false", .reload = true,
      .doc = "Labels in a domain's own metadata count as well, where *labels* has no value for the "
             "key. Whoever may define a domain can write them, so that he chooses which grants by label hold for it. "
             "docs/libvirt.md says how they are written." },
    { LIBVIRT(readonly_native), .name = "readonly_native", .type = CONF_TYPE_BOOL,
      .default_text = "false", .reload = true,
      .doc = "*query-name* and *query-uuid* are answered by what libvirt says of the domain, as the monitor would answer "
             "them, without a call to it; and attaching asks the VM for nothing that another one of its emulator has told, so that it "
             "does not mark the domain as tainted. docs/libvirt.md says more. A name that a domain's *qemu:commandline* gives to QEMU behind libvirt's back "
             "is not known then. Policy and audit are the same." },
    { LIBVIRT(follow_restart), .name = "follow_restart", .type = CONF_TYPE_BOOL,
      .default_text = "false", .reload = true,
      .doc = "Sessions stay when their VM ends and is started anew within *grace_seconds*, here and with the same UUID, and are told "
             "so (*GATEWAY_VM_RESTARTED*). Commands wait for *barrier_wait_seconds* in between. What was in flight has an unknown "
             "outcome, and is never sent again." },
    { LIBVIRT(include), .count = offsetof(struct conf_libvirt, n_include), .name = "include",
      .type = CONF_TYPE_TEXTS, .value_doc = "{PATTERN, ...}", .reload = true,
      .default_doc = "all of them",
      .doc = "Only domains whose name matches one of these ('\\*' stands for any characters, '?' for "
             "one)." },
    { LIBVIRT(exclude), .count = offsetof(struct conf_libvirt, n_exclude), .name = "exclude",
      .type = CONF_TYPE_TEXTS, .value_doc = "{PATTERN, ...}", .reload = true, .default_doc = "none",
      .doc = "Of these, not those whose name matches one of these." },
    { LIBVIRT(max_calls), .name = "max_calls", .type = CONF_TYPE_NUMBER, .default_text = "12",
      .min = 2, .max = 64, .unit = "calls", .reload = true,
      .doc = "How many commands may be with this libvirtd at a time, one a VM, each by a connection "
             "of its own. A machine that hangs keeps one of them. Less than libvirtd's *max_workers* (20)." },
    { LIBVIRT(grace_seconds), .name = "grace_seconds", .type = CONF_TYPE_NUMBER,
      .default_text = "30", .max = SECONDS_A_DAY, .unit = "seconds", .reload = true,
      .doc = "While the connection to libvirtd is lost, commands are refused; clients stay attached "
             "for this long, and go on if it comes back and their VM has not been restarted." },

    /* --- audit ------------------------------------------------------------------------------------ */
    { AUDIT(path), .name = "path", .type = CONF_TYPE_PATH, .value_doc = "PATH", .required = true,
      .doc = "The audit log." },
    { AUDIT(sync), .name = "sync", .type = CONF_TYPE_CHOICE, .default_text = "write",
      .choices = { { "write", CONF_SYNC_WRITE }, { "data", CONF_SYNC_DATA }, { "none", CONF_SYNC_NONE } },
      .doc = "What a command waits for: until the kernel has its record, which the disk then has within a second "
             "(write: survives the end of the gateway, a power failure may cost the last second); until the disk "
             "has it (data: survives a power failure); or until the kernel has it, which brings it to the disk when it "
             "likes (none). See *qmpgate-audit*(5), *DURABILITY*." },
    { AUDIT(reserve_kilobytes), .name = "reserve_kilobytes", .type = CONF_TYPE_NUMBER,
      .default_text = "1024", .max = 1048576, .unit = "KiB",
      .doc = "Room on the disk that is set aside for records of administration, of the ends of sessions and of the "
             "outcomes of commands under way: a disk that others have filled, or clients, then refuses commands and "
             "still records these; 0: none. See *qmpgate-audit*(5), *FAILURE*." },
    { AUDIT(refusals_burst), .name = "refusals_burst", .type = CONF_TYPE_NUMBER, .default_text = "100",
      .min = 1, .max = 1000000, .unit = "records",
      .doc = "How many refused commands, failed logins and connections of nobody known are written down at once of one address "
             "and identity, by each thread. What is more is counted in one record." },
    { AUDIT(refusals_per_second), .name = "refusals_per_second", .type = CONF_TYPE_NUMBER, .default_text = "5",
      .min = 1, .max = 100000, .unit = "records",
      .doc = "And how many a second then. A record of more than a kibibyte counts for one more for each, so that this is a bound "
             "in KiB a second, too." },
    { AUDIT(all_refusals_burst), .name = "all_refusals_burst", .type = CONF_TYPE_NUMBER, .default_text = "2000",
      .min = 1, .max = 1000000, .unit = "records",
      .doc = "As *refusals_burst*, for all addresses and identities together." },
    { AUDIT(all_refusals_per_second), .name = "all_refusals_per_second", .type = CONF_TYPE_NUMBER, .default_text = "100",
      .min = 1, .max = 100000, .unit = "records",
      .doc = "As *refusals_per_second*, for all addresses and identities together: the most that anybody who is refused can make "
             "the log grow is about so many KiB a second for each thread." },
    { AUDIT(on_failure), .name = "on_failure", .type = CONF_TYPE_CHOICE, .default_text = "refuse", .reload = true,
      .choices = { { "refuse", CONF_ON_FAILURE_REFUSE }, { "drain", CONF_ON_FAILURE_DRAIN } },
      .doc = "What to do while the log cannot be written, beyond refusing commands: stay, and go on when it can be "
             "written again (refuse); or end, as at SIGTERM, after *on_failure_seconds*, with exit status 74, so that "
             "clients, a service manager or another gateway in front of the same machines can do something about it (drain)." },
    { AUDIT(on_failure_seconds), .name = "on_failure_seconds", .type = CONF_TYPE_NUMBER, .default_text = "30",
      .min = 1, .max = SECONDS_A_DAY, .unit = "seconds", .reload = true,
      .doc = "For how long the log fails, without a record written in between, before *on_failure* = \"drain\" ends the gateway." },
    { AUDIT(segment_megabytes), .name = "segment_megabytes", .type = CONF_TYPE_NUMBER,
      .default_text = "256", .max = 1048576, .unit = "MiB", .reload = true,
      .doc = "At this size the log is closed as a segment, and goes on in a new file; 0: whatever its size. "
             "See *qmpgate-audit*(5), *SEGMENTS*." },
    { AUDIT(segment_hours), .name = "segment_hours", .type = CONF_TYPE_NUMBER,
      .default_text = "24", .max = 87600, .unit = "hours", .reload = true,
      .doc = "After this time the log is closed as a segment, if anything was recorded in it; 0: whatever its "
             "age." },
    { AUDIT(compress), .name = "compress", .type = CONF_TYPE_CHOICE, .default_text = "zstd",
      .choices = { { "zstd", CONF_COMPRESS_ZSTD }, { "none", CONF_COMPRESS_NONE } }, .reload = true,
      .doc = "How closed segments are kept: compressed, some 8 times smaller, or as they are." },
    { AUDIT(keep_days), .name = "keep_days", .type = CONF_TYPE_NUMBER, .default_text = "0",
      .max = 36500, .unit = "days", .reload = true,
      .doc = "Closed segments are removed that are older; 0: never for their age. None goes that a seal "
             "does not cover (with *seal_key*), or that not every *audit_sink* has shipped." },
    { AUDIT(keep_megabytes), .name = "keep_megabytes", .type = CONF_TYPE_NUMBER, .default_text = "0",
      .max = 1073741824, .unit = "MiB", .reload = true,
      .doc = "The oldest closed segments are removed while the log has more in all; 0: never for its size. "
             "The same stay as with *keep_days*." },
    { AUDIT(seal_key), .name = "seal_key", .type = CONF_TYPE_KEY, .value_doc = "PATH",
      .default_doc = "none: no seals are made", .reload = true,
      .doc = "The Ed25519 key that seals the log, which nobody else may read: a PEM file, or a \"pkcs11:\" URI. "
             "\"openssl genpkey -algorithm ed25519\" makes one. See *qmpgate-audit*(5), *SEALS*." },
    { AUDIT(seal_public), .name = "seal_public", .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .default_doc = "the key tells", .reload = true,
      .doc = "The public half of *seal_key*, a PEM file: for a token that does not tell it." },
    { AUDIT(seal_old_key), .name = "seal_old_key", .type = CONF_TYPE_KEY, .value_doc = "PATH",
      .default_doc = "none", .reload = true,
      .doc = "Where *seal_key* was changed while the gateway was down: the key of the last seal, which then "
             "vouches for the new one. Not needed where it is changed by a reload." },
    { AUDIT(seal_old_public), .name = "seal_old_public", .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .default_doc = "the key tells", .reload = true,
      .doc = "The public half of *seal_old_key*." },
    { AUDIT(seal_records), .name = "seal_records", .type = CONF_TYPE_NUMBER, .default_text = "10000",
      .max = 1000000000, .reload = true,
      .doc = "A seal is made after so many records; 0: however many there are." },
    { AUDIT(seal_seconds), .name = "seal_seconds", .type = CONF_TYPE_NUMBER, .default_text = "60",
      .max = 86400, .unit = "seconds", .reload = true,
      .doc = "A seal is made so long after the first record that has none; 0: however long that is." },
    { AUDIT(seal_command), .name = "seal_command", .type = CONF_TYPE_TEXT, .value_doc = "COMMAND",
      .default_doc = "none", .reload = true,
      .doc = "Gets each seal on its standard input, one a run, to bring it to where this host cannot "
             "rewrite it. It is run by /bin/sh as the gateway's user and in its environment, without what a "
             "service manager gave it, and killed after 10 seconds; if it fails, it is tried again with "
             "the newest seal." },

    /* --- audit_sink ------------------------------------------------------------------------------- */
    { SINK(type), .type = CONF_TYPE_CHOICE, .required = true,
      .choices = { { "journald", CONF_SINK_JOURNALD }, { "syslog", CONF_SINK_SYSLOG } },
      .doc = "What the receiver is: the journal of systemd, with a field for each thing, or a syslog "
             "daemon that understands RFC 5424." },
    { SINK(path), .type = CONF_TYPE_PATH, .value_doc = "PATH", .max = SOCKET_PATH_MAX,
      .default_doc = "/run/systemd/journal/socket for journald, /dev/log for syslog without an address",
      .doc = "The receiver's UNIX socket, of datagrams or a stream, as it is found. journald's own "
             "/dev/log does not understand RFC 5424." },
    { SINK(address), .type = CONF_TYPE_TEXT, .value_doc = "HOST", .check = conf_form_host,
      .doc = "In place of *path*: the name or numeric address of a syslog daemon that takes TLS (RFC "
             "5425). There is no syslog without TLS over the network." },
    { SINK(port), .type = CONF_TYPE_NUMBER, .default_text = "6514", .min = 1, .max = 65535,
      .doc = "Its TCP port." },
    { SINK(server_name), .type = CONF_TYPE_TEXT, .value_doc = "NAME", .check = conf_form_host,
      .default_doc = "*address*", .doc = "Whom its certificate must be for." },
    { SINK(ca), .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .doc = "Certificates of the authority that its certificate comes from, PEM. Needed with "
             "*address*. These files are read anew for each connection." },
    { SINK(cert), .type = CONF_TYPE_PATH, .value_doc = "PATH", .default_doc = "none is shown",
      .doc = "The certificate that the gateway shows it, and its chain, PEM." },
    { SINK(key), .type = CONF_TYPE_KEY, .value_doc = "PATH|URI",
      .doc = "Its private key: a PEM file, or a \"pkcs11:\" URI. Needed with *cert*." },
    { SINK(priority), .type = CONF_TYPE_TEXT, .value_doc = "STRING", .default_doc = "GnuTLS's own",
      .doc = "A GnuTLS priority string. TLS before 1.2 stays off whatever it says." },
    { SINK(facility), .type = CONF_TYPE_TEXT, .value_doc = "WORD", .default_text = "authpriv",
      .check = conf_form_facility,
      .doc = "The facility of the messages: user, daemon, auth, authpriv, audit (13), or local0 to "
             "local7." },
    { SINK(app_name), .type = CONF_TYPE_TEXT, .value_doc = "NAME", .default_text = "qmpgate",
      .check = conf_form_app_name,
      .doc = "The messages' APP-NAME; of journald SYSLOG_IDENTIFIER." },
    { SINK(hostname), .type = CONF_TYPE_TEXT, .value_doc = "NAME", .check = conf_form_visible,
      .default_doc = "the machine's own", .doc = "The messages' HOSTNAME." },
    { SINK(sd_id), .type = CONF_TYPE_TEXT, .value_doc = "NAME@NUMBER",
      .default_text = "qmpgate@32473", .check = conf_form_sd_id,
      .doc = "The name of the structured data. The number is a private enterprise number; 32473 is "
             "set aside for documentation (RFC 5612) and nobody's: use your own if you have one." },
    { SINK(message_bytes), .type = CONF_TYPE_NUMBER, .default_text = "8192", .min = 8192,
      .max = 196608, .unit = "bytes",
      .doc = "The longest message that the receiver takes. In a longer one the record is cut, and "
             "*cut* in the structured data says so. The longest record has 131072 bytes." },
    { SINK(queue), .type = CONF_TYPE_NUMBER, .default_text = "1000", .min = 1, .max = 100000,
      .unit = "records",
      .doc = "What may wait in memory for the receiver (and at most 1 MiB, or one record); all else "
             "waits in the log." },
    { SINK(settle_seconds), .type = CONF_TYPE_NUMBER, .default_text = "5", .max = 600,
      .unit = "seconds",
      .doc = "How long the connection must live on after a record was taken from it before the "
             "record counts as arrived. What a receiver that dies may not have worked off by then is "
             "not sent again." },
    { SINK(retry_seconds), .type = CONF_TYPE_NUMBER, .default_text = "30", .min = 1, .max = 3600,
      .unit = "seconds",
      .doc = "The longest time between two tries to connect; the first come sooner." },
    { SINK(lag_seconds), .type = CONF_TYPE_NUMBER, .default_text = "30", .min = 1,
      .max = SECONDS_A_WEEK, .unit = "seconds",
      .doc = "A record that has waited for so long is told of in the gateway's log, and when the sink "
             "is up to date again." },

    /* --- sasl ------------------------------------------------------------------------------------- */
    { SASL(service), .type = CONF_TYPE_TEXT, .value_doc = "NAME", .default_text = "qmpgate",
      .reload = true, .check = conf_form_service,
      .doc = "The service's name: for saslauthd, and in Kerberos' principal SERVICE/HOSTNAME. "
             "Clients have to know it." },
    { SASL(hostname), .type = CONF_TYPE_TEXT, .value_doc = "NAME", .reload = true,
      .check = conf_form_hostname, .default_doc = "the machine's own",
      .doc = "The name by which clients know this machine, in Kerberos' principal." },
    { SASL(realm), .type = CONF_TYPE_TEXT, .value_doc = "NAME", .reload = true,
      .check = conf_form_hostname, .default_doc = "*hostname*",
      .doc = "The realm of names that carry none, and the only one whose users can log in. It is "
             "written in lower case, here and in the policy. With GSSAPI it stands for the default "
             "realm of *krb5.conf*(5)." },
    { SASL(db), .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .default_text = "/var/lib/qmpgate/sasldb2", .reload = true,
      .doc = "The passwords of SCRAM, and of PLAIN where *pwcheck* is sasldb: a file of "
             "*saslpasswd2*(8). It holds them in clear." },
    { SASL(pwcheck), .type = CONF_TYPE_CHOICE, .default_text = "sasldb", .reload = true,
      .choices = { { "sasldb", CONF_PWCHECK_SASLDB }, { "saslauthd", CONF_PWCHECK_SASLAUTHD } },
      .doc = "Who judges a password of PLAIN: the file *db*, or a *saslauthd*(8) (PAM, LDAP, ...). "
             "saslauthd has 10 seconds for an answer, and is not asked about who is held back for "
             "guessing. With saslauthd a user's name must be made of lower case letters, digits, '.', '\\_', '-' "
             "and '+': directories know one account by many spellings." },
    { SASL(saslauthd), .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .default_text = "/run/saslauthd/mux", .max = SOCKET_PATH_MAX, .reload = true,
      .doc = "The socket of saslauthd. The gateway's user must be allowed to use it." },
    { SASL(keytab), .type = CONF_TYPE_PATH, .value_doc = "PATH",
      .default_doc = "Kerberos' own, /etc/krb5.keytab",
      .doc = "The keys of Kerberos' principal SERVICE/HOSTNAME." },
    { SASL(session_seconds), .type = CONF_TYPE_NUMBER, .default_text = "36000", .max = 31536000,
      .unit = "seconds", .reload = true,
      .doc = "How long a login by SASL is good for: then the connection ends, unless its client has "
             "logged in again as the same. 0: for ever. The end of a Kerberos ticket is not known to "
             "the gateway: this is what ends such a session." },

    /* --- limits ----------------------------------------------------------------------------------- */
    { LIMIT(connections), .type = CONF_TYPE_NUMBER, .default_text = "16384", .min = 1,
      .max = 1000000, .reload = true, .doc = "Connections in all." },
    { LIMIT(connections_per_identity), .type = CONF_TYPE_NUMBER, .default_text = "1024", .min = 1,
      .max = 1000000, .reload = true, .doc = "Connections of one identity." },
    { LIMIT(connections_per_address), .type = CONF_TYPE_NUMBER, .default_text = "1024", .min = 1,
      .max = 1000000, .reload = true, .doc = "Connections from one address." },
    { LIMIT(connections_unauthenticated), .type = CONF_TYPE_NUMBER, .default_text = "256",
      .min = 1, .max = 1000000, .reload = true,
      .doc = "Connections whose identity is not known yet." },
    { LIMIT(handshake_seconds), .type = CONF_TYPE_NUMBER, .default_text = "10", .min = 1,
      .max = 300, .unit = "seconds", .reload = true, .doc = "Time to finish TLS." },
    { LIMIT(negotiate_seconds), .type = CONF_TYPE_NUMBER, .default_text = "30", .min = 1,
      .max = 3600, .unit = "seconds", .reload = true,
      .doc = "Time to authenticate, attach and negotiate after that." },
    { LIMIT(idle_seconds), .type = CONF_TYPE_NUMBER, .default_text = "0", .max = SECONDS_A_WEEK,
      .unit = "seconds", .reload = true,
      .doc = "A client that sends nothing for this long is disconnected; 0 stands for never." },
    { LIMIT(queued_commands), .type = CONF_TYPE_NUMBER, .default_text = "64", .min = 1,
      .max = 65536, .unit = "commands", .reload = true,
      .doc = "A client's commands that wait for their turn; while there are as many, nothing more "
             "is read from it." },
    { LIMIT(request_bytes), .type = CONF_TYPE_NUMBER,
      .default_text = "65536", .min = 1024, .max = LIMIT_REQUEST_BYTES_MAX, .unit = "bytes",
      .reload = true, .doc = "One message of a client." },
    { LIMIT(reply_bytes), .type = CONF_TYPE_SIZE, .default_text = "67108864", .min = MIB,
      .max = GIB, .unit = "bytes", .reload = true,
      .doc = "One message of a VM. A VM that sends a longer one loses its connection." },
    { LIMIT(output_soft_bytes), .type = CONF_TYPE_SIZE, .default_text = "1048576", .min = 4096,
      .max = GIB, .unit = "bytes", .reload = true,
      .doc = "What may wait for a client that reads slowly before events are left out (it is told "
             "how many)." },
    { LIMIT(output_hard_bytes), .type = CONF_TYPE_SIZE, .default_text = "75497472", .min = 4096,
      .max = 4 * GIB, .unit = "bytes", .reload = true,
      .doc = "What may wait for a client before it is disconnected. Should have room for one reply "
             "(*reply_bytes*)." },
    { LIMIT(output_total_bytes), .type = CONF_TYPE_SIZE, .default_text = "268435456",
      .min = 4096, .max = 1024 * GIB, .unit = "bytes", .reload = true,
      .doc = "What may wait for all clients together." },
    { LIMIT(vm_timeout_seconds), .type = CONF_TYPE_NUMBER, .default_text = "30", .min = 1,
      .max = SECONDS_A_DAY, .unit = "seconds", .reload = true,
      .doc = "A VM that answers nothing for this long is unresponsive: what waits for it is "
             "refused." },
    { LIMIT(barrier_wait_seconds), .type = CONF_TYPE_NUMBER, .default_text = "10",
      .max = SECONDS_A_DAY, .unit = "seconds", .reload = true,
      .doc = "While libvirt moves a VM to another host, commands other than @query wait for this long, and are then "
             "refused." },
    { LIMIT(monitor_linger_seconds), .type = CONF_TYPE_NUMBER, .default_text = "60",
      .max = SECONDS_A_DAY, .unit = "seconds", .reload = true,
      .doc = "How long the gateway keeps a monitor after its last client has left." },
    { LIMIT(drain_seconds), .type = CONF_TYPE_NUMBER, .default_text = "10", .max = 3600,
      .unit = "seconds", .reload = true,
      .doc = "How long commands in flight may take when the gateway stops." },
    { LIMIT(explain_per_minute), .type = CONF_TYPE_NUMBER, .default_text = "60", .max = 100000,
      .unit = "commands a minute", .reload = true, .doc = "*gateway-explain* of one client." },
    { LIMIT(login_attempts), .type = CONF_TYPE_NUMBER, .default_text = "3", .min = 1, .max = 100,
      .reload = true, .doc = "Logins by SASL that may fail on one connection before it ends." },
    { LIMIT(login_delay_milliseconds), .type = CONF_TYPE_NUMBER, .default_text = "1000",
      .min = 100, .max = 60000, .unit = "milliseconds", .reload = true,
      .doc = "A login that failed is answered when a multiple of this has passed, so that the time "
             "it took tells nothing. More than saslauthd ever needs is best." },
};
/* clang-format on */
const size_t conf_n_options = ARRAY_SIZE(conf_options);

_Static_assert(LIMIT_REQUEST_BYTES_DEFAULT == 65536, "request_bytes has this default above");
_Static_assert(LIMIT_REPLY_BYTES_DEFAULT == 67108864, "reply_bytes has this default above");

const struct conf_option *conf_option_find(enum conf_section_id section, const char *name)
{
    for (size_t i = 0; i < conf_n_options; i++) {
        if (conf_options[i].section == section && strcmp(conf_options[i].name, name) == 0)
            return &conf_options[i];
    }
    return NULL;
}

enum conf_section_id conf_section_find(enum conf_section_id parent, const char *name)
{
    for (enum conf_section_id id = CONF_TOP + 1; id < CONF_SECTIONS; id++) {
        if (conf_sections[id].parent == parent && strcmp(conf_sections[id].name, name) == 0)
            return id;
    }
    return CONF_SECTIONS;
}
