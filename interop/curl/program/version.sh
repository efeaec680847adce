# Prints the version of curl, or why that one cannot take part.
set -eu

first=$(curl --version | head -n 1)
version=${first#curl }
version=${version%% *}
major=${version%%.*}
minor=${version#*.}
minor=${minor%%.*}
lacks() {
    echo "curl $version $1" >&2
    exit 1
}

curl --version | grep -q '^Protocols:.* ws\( \|$\)' || lacks "speaks no WebSocket"
curl --help all | grep -q -- ' --mptcp ' || lacks "has no --mptcp, which came with 8.9"
# Before, an upgrade with an upload is a PUT, which no server accepts (RFC 6455 section 4.1: the method must be GET).
if [ "$major" -lt 8 ] || { [ "$major" -eq 8 ] && [ "$minor" -lt 16 ]; }; then
    lacks "cannot send messages, which came with 8.16"
fi
echo "$version"
