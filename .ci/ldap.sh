# Owns the LDAP programs of the gate: OpenLDAP's clients and server, and a Java development kit, installed where missing.
# Sourced by .ci/run, after databases.sh. Nothing is left running: tests start slapd themselves.

prepare_ldap() {
  local missing=()
  command -v ldapsearch >/dev/null || missing+=(ldap-utils)
  [ -x /usr/sbin/slapd ] || missing+=(slapd)
  # A single source file is run by the compiler, which a runtime alone does not have.
  command -v javac >/dev/null || missing+=(default-jdk-headless)
  [ ${#missing[@]} -eq 0 ] && return
  install_without_start "${missing[@]}"
}

# The package of slapd would start a server on the standard port, which nothing here needs.
install_without_start() {
  local policy=/usr/sbin/policy-rc.d made=0 code
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy" && made=1
  fi
  install_debian "$@"
  code=$?
  [ "$made" -eq 0 ] || as_root rm -f "$policy"
  return "$code"
}
