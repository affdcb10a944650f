# mailbell: `make`, `make check`, `make lint`, `make format`, `make install DESTDIR= PREFIX=`.
#
#   CC=clang            another compiler
#   SAN=address,undefined   sanitizers (SAN=thread for the milter)
#   V=1                 show the commands

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc/mailbell
RUNDIR     ?= /run/mailbell
STATEDIR   ?= /var/lib/mailbell
SBINDIR    ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/mailbell
MANDIR     ?= $(PREFIX)/share/man
VERSION    := 0.1

CC       ?= cc
PKG       = pkg-config
comma    := ,
B        := build/$(notdir $(CC))$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(COV),-cov)

WARN      = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
            -Wwrite-strings -Werror
CPPFLAGS += -I. -D_GNU_SOURCE -DMAILBELL_VERSION='"$(VERSION)"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
            -DRUNDIR='"$(RUNDIR)"' -DSTATEDIR='"$(STATEDIR)"' -DLIBEXECDIR='"$(LIBEXECDIR)"' -MMD -MP
CFLAGS   ?= -O2 -g
HARDEN    = -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
ALL_CFLAGS = -std=c11 $(WARN) $(HARDEN) $(CFLAGS) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) \
             $(if $(COV),--coverage -fprofile-update=atomic)
COV_LINK  = --coverage -Wl,--wrap=_exit tests/tools/covexit.c
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(if $(SAN),-fsanitize=$(SAN)) $(if $(COV),$(COV_LINK))
Q         = $(if $(V),,@)

LIBS_lib      = -linih
LIBS_daemon   = -ldb-5.3 $(shell $(PKG) --libs libcurl libcrypto) -lpthread
LIBS_lmtp     =
LIBS_milter   = -lmilter -lpthread
LIBS_admin    = -ljansson

PROGRAMS  = $(B)/mailbelld $(B)/mailbell-lmtp $(B)/mailbell-milter $(B)/mailbell
MODULES   = $(B)/modules/lib20_mailbell_plugin.so $(B)/modules/lib21_imap_mailbell_plugin.so

obj       = $(patsubst %.c,$(B)/%.o,$(1))
LIB_OBJ   = $(call obj,$(wildcard lib/*.c))
DAEMON_OBJ = $(call obj,$(filter-out daemon/main.c,$(wildcard daemon/*.c)))
LMTP_OBJ  = $(call obj,$(filter-out lmtp/main.c,$(wildcard lmtp/*.c)))
MILTER_OBJ = $(call obj,$(filter-out milter/main.c,$(wildcard milter/*.c)))
ADMIN_OBJ = $(call obj,$(filter-out admin/main.c,$(wildcard admin/*.c)))

UNIT      = $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))

.PHONY: all modules check unit component system differential faults check-setup fuzz fuzz-run fuzz-merge fuzz-merge-run fuzz-replay fuzz-oracle coverage bench deb lint format install uninstall clean
all: $(PROGRAMS) modules
modules: $(MODULES)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(B)/lib.a: $(LIB_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/daemon.a: $(DAEMON_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/lmtp.a: $(LMTP_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/milter.a: $(MILTER_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/admin.a: $(ADMIN_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/mailbelld: $(B)/daemon/main.o $(B)/daemon.a $(B)/lib.a
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LIBS_daemon) $(LIBS_lib)
$(B)/mailbell-lmtp: $(B)/lmtp/main.o $(B)/lmtp.a $(B)/lib.a
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LIBS_lmtp) $(LIBS_lib)
$(B)/mailbell-milter: $(B)/milter/main.o $(B)/milter.a $(B)/lib.a
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LIBS_milter) $(LIBS_lib)
$(B)/mailbell: $(B)/admin/main.o $(B)/admin.a $(B)/lib.a
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LIBS_admin) $(LIBS_lib)

# The Dovecot modules: compiled apart, with Dovecot's headers, never sanitized.  What the first link leaves
# for Dovecot is made weak: so a module loads into any Dovecot, and refuses by itself (imap/abi.c).
# MODULE_FLAGS is for tests.
MODULE_LIB = $(addprefix lib/,err.c buf.c frame.c wire.c wire_ask.c wire_fields.c envelope.c header.c \
             address.c imapstr.c lexer.c msgfacts.c modconf.c)
MODULE_CC  = $(CC) $(filter-out -MMD -MP,$(CPPFLAGS)) -I/usr/include/dovecot -DHAVE_CONFIG_H -std=gnu11 \
             $(filter-out -fPIE,$(HARDEN)) $(CFLAGS) -fPIC -fvisibility=hidden -Wall -Wextra -Werror $(MODULE_FLAGS)
MODULE_LD  = $(MODULE_CC) -shared -Wl,-z,relro,-z,now $(LDFLAGS)
STORAGE_SRC = $(filter-out imap/imap-%.c,$(wildcard imap/*.c)) $(MODULE_LIB)
COMMAND_SRC = $(wildcard imap/imap-*.c) imap/abi.c imap/link.c $(MODULE_LIB)

$(B)/modules/lib20_mailbell_plugin.so: $(STORAGE_SRC)
$(B)/modules/lib21_imap_mailbell_plugin.so: $(COMMAND_SRC)
$(MODULES): whole = $(B)/$(basename $(@F)).o
$(MODULES): Makefile $(wildcard imap/*.h lib/*.h)
	@mkdir -p $(@D)
	$(Q)$(MODULE_CC) -r -nostdlib -o $(whole) $(filter %.c,$^)
	$(Q)$(MODULE_LD) -o $@ $(whole)
	$(Q)nm -D -u $@ | sed -n 's/^ *U \([^@]*\)$$/\1/p' >$(whole).weak
	$(Q)objcopy --weaken-symbols=$(whole).weak $(whole) && $(MODULE_LD) -o $@ $(whole)

# Unit tests: one program per module, linked with everything that is pure.
$(B)/unit/%: tests/unit/%.c $(B)/lib.a $(B)/daemon.a $(B)/lmtp.a $(B)/milter.a $(B)/admin.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -o $@ $< $(B)/daemon.a $(B)/lmtp.a $(B)/milter.a $(B)/admin.a $(B)/lib.a \
	    $(ALL_LDFLAGS) -lcmocka $(LIBS_daemon) $(LIBS_milter) $(LIBS_admin) $(LIBS_lib)

unit: $(UNIT)
	@set -e; for t in $(abspath $(UNIT)); do $(RUN) $$t; done

component system:
	MAILBELL_BUILD=$(abspath $(B)) /usr/bin/python3 -B -m pytest -q -p no:cacheprovider tests/$@
component system: all

check: unit component system

# Every fault that mail has to survive, as root: `make faults FAULTS_S=600 FAULTS_SEED=1 FAULTS=F1,F5`;
# FAULTS_SHORT=1 is the short form of 4 minutes, where what depends on time is not judged.
faults: all
	$(Q)MAILBELL_BUILD=$(abspath $(B)) PYTHONPATH=tests /usr/bin/python3 -B -m faults
export FAULTS FAULTS_S FAULTS_SEED FAULTS_SHORT FAULTS_TAP FAULTS_MAILS FAULTS_KILLS

# The same LMTP conversations with Dovecot alone and through mailbell-lmtp: `make differential DIFF_N=3000`.
DIFF_N   ?= 3000
differential: all
	$(Q)MAILBELL_BUILD=$(abspath $(B)) DIFF_N=$(DIFF_N) DIFF_SEED=$(DIFF_SEED) \
	    /usr/bin/python3 -B -m pytest -q -s -p no:cacheprovider tests/system/test_differential.py

# On a fresh Debian with stock Postfix and Dovecot; the first time it has to be made, by debootstrap.
check-setup: all
	/usr/bin/python3 -B tests/setup/fresh.py
	MAILBELL_NAMESPACE=1 MAILBELL_BUILD=$(abspath $(B)) unshare -n -m -p --fork --mount-proc sh -c \
	    'ip link set lo up && exec /usr/bin/python3 -B -m pytest -q -rs -p no:cacheprovider tests/setup'

# Fuzzing: `make fuzz FUZZ_S=60` looks for new inputs (clang); `make fuzz-replay` runs the kept ones.
FUZZ      = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_S   ?= 60
FUZZ_LINK = $(B)/daemon.a $(B)/lmtp.a $(B)/milter.a $(B)/admin.a $(B)/lib.a
FUZZ_LIBS = $(ALL_LDFLAGS) $(LIBS_daemon) $(LIBS_milter) $(LIBS_admin) $(LIBS_lib)

$(B)/fuzz/%: tests/fuzz/%.c $(FUZZ_LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_LINK) $(FUZZ_LIBS)
$(B)/replay/%: tests/fuzz/%.c tests/fuzz/replay.c $(FUZZ_LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -o $@ $< tests/fuzz/replay.c $(FUZZ_LINK) $(FUZZ_LIBS)

# What the IMAP command module takes in, by Dovecot's own parser.
FUZZ_ARGS  = tests/fuzz/fuzz_imap_args.c imap/imap-args.c
FUZZ_ARGS_CC = $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -std=gnu11 -isystem /usr/include/dovecot -DHAVE_CONFIG_H \
             $(if $(shell grep -s 'struct imap_parser_params' /usr/include/dovecot/imap-parser.h),-DIMAP_PARSER_PARAMS)
FUZZ_ARGS_LIBS = $(B)/lib.a $(ALL_LDFLAGS) -L/usr/lib/dovecot -ldovecot -Wl,-rpath,/usr/lib/dovecot

$(B)/fuzz/fuzz_imap_args: $(FUZZ_ARGS) $(B)/lib.a
	@mkdir -p $(@D)
	$(Q)$(FUZZ_ARGS_CC) -fsanitize=fuzzer -o $@ $(FUZZ_ARGS) $(FUZZ_ARGS_LIBS)
$(B)/replay/fuzz_imap_args: $(FUZZ_ARGS) tests/fuzz/replay.c $(B)/lib.a
	@mkdir -p $(@D)
	$(Q)$(FUZZ_ARGS_CC) -o $@ $(FUZZ_ARGS) tests/fuzz/replay.c $(FUZZ_ARGS_LIBS)

# `make fuzz-merge` takes what was found over into the corpora; `make fuzz-oracle` asks Dovecot about it.
fuzz fuzz-merge:
	$(Q)$(MAKE) CC=clang SAN=address$(comma)undefined$(comma)fuzzer-no-link $@-run
fuzz-run fuzz-merge-run: $(addprefix $(B)/fuzz/,$(FUZZ))
	@tests/fuzz/run $(if $(filter fuzz-merge-run,$@),merge,fuzz) $(B) $(FUZZ_S) $(FUZZ)
fuzz-oracle:
	/usr/bin/python3 -B tests/fuzz/oracle.py tests/fuzz/corpus build/clang-address-undefined-fuzzer-no-link/found
fuzz-replay: $(addprefix $(B)/replay/,$(FUZZ))
	@set -e; for t in $(FUZZ); do $(B)/replay/$$t tests/fuzz/corpus/$${t#fuzz_}; done

# What the tests run of the code: lines and branches, and a page; 1 where it is less than promised.
coverage:
	contrib/coverage $(if $(QUICK),--quick) $(if $(filter file,$(origin B)),build/gcc-cov,$(B))

# Figures, not tests: `make bench` runs all parts, BENCH="crypto store" some; scale and holes only where they are
# named.  A tool that links with what is not here is left out, and its part says so.
BENCH     =
bench_pkg_gmime = gmime-3.0
bench_pkg_sink = libnghttp2 libssl
bench_libs_bare = $(LIBS_milter)
bench_has = $(if $(bench_pkg_$(1)),$(shell $(PKG) --exists $(bench_pkg_$(1)) && echo yes),yes)
BENCH_TOOLS = $(foreach t,$(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c)),$(if \
            $(call bench_has,$(t)),$(B)/bench/$(t)))

$(B)/bench/envelope $(B)/bench/gmime: $(wildcard tests/bench/headers/*.c tests/bench/headers/*.h)
$(B)/bench/sink: $(wildcard tests/bench/sink/*.c tests/bench/sink/*.h)
$(B)/bench/%: tests/bench/%.c $(B)/daemon.a $(B)/lib.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(if $(bench_pkg_$*),$(shell $(PKG) --cflags $(bench_pkg_$*))) -o $@ \
	    $(filter %.c,$^) $(B)/daemon.a $(B)/lib.a $(ALL_LDFLAGS) $(if $(bench_pkg_$*),$(shell $(PKG) --libs $(bench_pkg_$*))) \
	    $(LIBS_daemon) $(LIBS_lib) $(bench_libs_$*)
.PHONY: bench-tools
bench-tools: $(BENCH_TOOLS)
bench: all
	contrib/bench-peers
	$(Q)$(MAKE) --no-print-directory B=$(B) bench-tools
	@MAILBELL_BUILD=$(abspath $(B)) /usr/bin/python3 -B tests/bench/run.py $(BENCH)

# Debian packages of the last commit.
deb:
	contrib/deb

lint:
	contrib/lint
format:
	contrib/lint --format

# What install puts, uninstall takes away; the configuration and the store are the administrator's.
MODULEDIR ?= /usr/lib/dovecot/modules
MAN8      = $(wildcard daemon/*.8 lmtp/*.8 milter/*.8 admin/*.8)
MAN5      = $(wildcard lib/*.5)
INSTALL   = install -p

# What `mailbell setup` and `mailbell doctor` run.
HELPERS   = setup/setup setup/doctor
HELPER_LIB = $(wildcard setup/*.bash)
define HELPER_PATHS
VERSION=$(VERSION)
SYSCONFDIR=$(SYSCONFDIR)
RUNDIR=$(RUNDIR)
STATEDIR=$(STATEDIR)
SBINDIR=$(SBINDIR)
UNITDIR=$(UNITDIR)
MODULEDIR=$(MODULEDIR)
POSTFIX_DIR=
DOVECOT_CONF=
endef
export HELPER_PATHS

# systemd looks into /usr/local/lib, too; without systemd these files do nothing.
UNITDIR   ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
UNITS     = $(notdir $(wildcard contrib/systemd/mailbell*))

# Documents, completions, and what Prometheus and Grafana read.
SHARE     = $(DESTDIR)$(PREFIX)/share
SHARED    = $(SHARE)/doc/mailbell $(SHARE)/mailbell
COMPLETIONS = $(SHARE)/bash-completion/completions/mailbell.bash $(SHARE)/zsh/site-functions/_mailbell \
            $(SHARE)/fish/vendor_completions.d/mailbell.fish

install: all
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MODULEDIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 \
	    $(DESTDIR)$(SYSCONFDIR)
	$(INSTALL) $(PROGRAMS) $(DESTDIR)$(SBINDIR)
	$(INSTALL) -m 644 $(MODULES) $(DESTDIR)$(MODULEDIR)
	$(INSTALL) -m 644 $(MAN8) $(DESTDIR)$(MANDIR)/man8
	$(INSTALL) -m 644 $(MAN5) $(DESTDIR)$(MANDIR)/man5
	$(INSTALL) -m 644 contrib/mailbell.conf $(DESTDIR)$(SYSCONFDIR)/mailbell.conf.sample
	[ -e $(DESTDIR)$(SYSCONFDIR)/mailbell.conf ] || \
	    $(INSTALL) -m 644 contrib/mailbell.conf $(DESTDIR)$(SYSCONFDIR)/mailbell.conf
	$(INSTALL) -d $(addprefix $(DESTDIR),$(LIBEXECDIR) $(UNITDIR) $(SYSUSERSDIR) $(TMPFILESDIR))
	$(INSTALL) $(HELPERS) $(DESTDIR)$(LIBEXECDIR)
	$(INSTALL) -m 644 $(HELPER_LIB) $(DESTDIR)$(LIBEXECDIR)
	echo "$$HELPER_PATHS" >$(DESTDIR)$(LIBEXECDIR)/paths.bash
	set -e; for u in $(UNITS); do sed 's,@SBINDIR@,$(SBINDIR),' contrib/systemd/$$u >$(DESTDIR)$(UNITDIR)/$$u; done
	$(INSTALL) -m 644 contrib/systemd/sysusers.conf $(DESTDIR)$(SYSUSERSDIR)/mailbell.conf
	$(INSTALL) -m 644 contrib/systemd/tmpfiles.conf $(DESTDIR)$(TMPFILESDIR)/mailbell.conf
	$(INSTALL) -d $(SHARED) $(dir $(COMPLETIONS))
	$(INSTALL) -m 644 README.md $(wildcard docs/*.md) $(SHARE)/doc/mailbell
	$(INSTALL) -m 644 contrib/grafana/mailbell.json contrib/prometheus/mailbell.rules.yml $(SHARE)/mailbell
	set -e; for c in $(COMPLETIONS); do $(INSTALL) -m 644 contrib/completions/$${c##*/} $$c; done
uninstall:
	rm -f $(addprefix $(DESTDIR)$(SBINDIR)/,$(notdir $(PROGRAMS))) \
	    $(addprefix $(DESTDIR)$(MODULEDIR)/,$(notdir $(MODULES))) \
	    $(addprefix $(DESTDIR)$(MANDIR)/man8/,$(notdir $(MAN8))) \
	    $(addprefix $(DESTDIR)$(MANDIR)/man5/,$(notdir $(MAN5))) \
	    $(DESTDIR)$(SYSCONFDIR)/mailbell.conf.sample \
	    $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS)) $(DESTDIR)$(SYSUSERSDIR)/mailbell.conf \
	    $(DESTDIR)$(TMPFILESDIR)/mailbell.conf
	rm -f $(COMPLETIONS)
	rm -rf $(DESTDIR)$(LIBEXECDIR) $(SHARED)

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
