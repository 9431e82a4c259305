#!/bin/sh
# Installs on Debian 12 or 13, as root, the programs that the tests drive. No daemon is started by it, nothing is asked,
# and when everything is there it ends at once.
#
#   .ci/install-debian.sh [GROUP...]     by default: mail desktop browser python
#
#   mail      Dovecot and Postfix, which the tests start themselves, and swaks, a client
#   desktop   a screen in memory, a tray, a session bus and a keyring
#   browser   Chromium
#   python    what a virtual environment needs
#   bench     the rivals of bench/inbound, what runs one of bench/outbound, and a compiler for the delay proxy
set -eu

[ $# -gt 0 ] || set -- mail desktop browser python

packages=""
for group in "$@"; do
    case $group in
        mail) packages="$packages dovecot-core dovecot-imapd dovecot-lmtpd dovecot-pop3d postfix procps swaks libnet-ssleay-perl" ;;
        desktop) packages="$packages xvfb trayer xdotool x11-utils imagemagick dbus dbus-bin gnome-keyring libsecret-tools" ;;
        browser) packages="$packages chromium" ;;
        python) packages="$packages python3 python3-venv" ;;
        bench) packages="$packages fetchmail fdm getmail6 mpop msmtp gcc libc6-dev nodejs npm" ;;
        *)
            echo "install-debian.sh: no such group: $group" >&2
            exit 2
            ;;
    esac
done

missing=""
for package in $packages; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || state=""
    [ "$state" = installed ] || missing="$missing $package"
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "install-debian.sh: only root can install:$missing" >&2
        exit 1
    fi

    # While this file says 101, packages may not start their daemons (Debian policy section 9.11.2).
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod 755 $policy
    fi

    export DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 -qq update
    # shellcheck disable=SC2086  # a list of words on purpose
    apt-get -o DPkg::Lock::Timeout=300 -qq --yes --no-install-recommends install $missing
fi

# Postfix's own tools want a main.cf even when told to use another one, and without debconf's answers none is written.
if [ -d /etc/postfix ] && [ ! -e /etc/postfix/main.cf ] && [ "$(id -u)" -eq 0 ]; then
    printf 'compatibility_level = 3.6\ninet_interfaces = loopback-only\nmydestination =\n' > /etc/postfix/main.cf
fi
