/* Figures. Each loop counts in its own; whoever asks adds them up. */
#ifndef PROXY_STATS_H
#define PROXY_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* X(name, what it counts) */
#define LOOP_STATS(X)                                                           \
    X(accepted, "connections accepted")                                         \
    X(rejected, "connections turned away by a limit")                           \
    X(handshakes, "TLS handshakes completed")                                   \
    X(handshake_failures, "TLS handshakes failed, bad certificates included")   \
    X(resumed, "TLS sessions resumed")                                          \
    X(logins, "logins by SASL that succeeded")                                  \
    X(login_failures, "logins by SASL that failed")                             \
    X(logins_held, "of these, held back: too many had failed before")           \
    X(attached, "attaches that succeeded")                                      \
    X(attach_failures, "attaches refused or failed")                            \
    X(commands, "commands that went to a VM")                                   \
    X(local_commands, "commands that the gateway answered itself")              \
    X(refused, "commands refused by policy")                                    \
    X(shadow_differences, "commands that the policy_shadow judges otherwise")   \
    X(malformed, "messages that were no proper request")                        \
    X(audit_refused, "commands refused because the audit could not be written") \
    X(unrecorded, "administrative commands that ran without a record")          \
    X(cancelled, "commands that never left: session closed, VM gone, shutdown") \
    X(unknown_outcomes, "commands in flight when their VM or client was lost")  \
    X(replies, "replies from VMs")                                              \
    X(events, "events from VMs")                                                \
    X(events_sent, "events sent to clients")                                    \
    X(events_lost, "events dropped for slow readers")                           \
    X(monitors_connected, "connections to monitors made")                       \
    X(monitors_lost, "connections to monitors lost")                            \
    X(slow_disconnects, "clients disconnected for not reading")                 \
    X(timeouts, "clients disconnected by a time limit")

struct loop_stats {
#define X(name, what) _Atomic uint64_t name;
    LOOP_STATS(X)
#undef X
};

/* One writer a counter: no locked instruction. */
#define STATS_ADD(loop, name, n)                                                                 \
    atomic_store_explicit(&(loop)->stats.name,                                                   \
                          atomic_load_explicit(&(loop)->stats.name, memory_order_relaxed) + (n), \
                          memory_order_relaxed)
#define STATS_INC(loop, name) STATS_ADD(loop, name, 1)

#endif
