#!/bin/sh
# Writes .env from .env.example: every empty value becomes a random secret. Readable by its owner alone; a file that is
# there already is never touched.
#   deploy/make-env.sh [FILE]     FILE: .env in the repository's root
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
file=${1:-$root/.env}

random() {
  # So many random bytes in hexadecimal digits, which need no escaping in a URL.
  od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

if [ -e "$file" ]; then
  echo "$file is there already and stays as it is"
  exit 0
fi
umask 077
# With noclobber the file is made by whoever is first, even if two run at once.
set -C
while IFS= read -r line; do
  case $line in
    # The longest that every object server takes: 20 characters of access key, 40 of secret key.
    *_ACCESS_KEY=) printf '%s%s\n' "$line" "$(random 10)" ;;
    [A-Z]*=) printf '%s%s\n' "$line" "$(random 20)" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <"$root/.env.example" >"$file"
echo "wrote $file with random secrets"
