# Turns the archive of a root file system into a disk image, beside its kernel and initrd. Runs as root, or as root of a
# user namespace, in a folder that holds: root.tar, host_key, host_key.pub, client_key.pub.
# Arguments: the size of the image in MiB, then the units to mask.
set -eu
size_mib=$1
shift

mkdir root
# Device nodes cannot be made in a namespace; the guest's kernel makes its own.
tar -xpf root.tar -C root --exclude='./dev/*'
rm root.tar

rm -f root/etc/ssh/ssh_host_*
install -m 600 host_key root/etc/ssh/ssh_host_ed25519_key
install -m 644 host_key.pub root/etc/ssh/ssh_host_ed25519_key.pub
install -d -m 700 root/root/.ssh
install -m 600 client_key.pub root/root/.ssh/authorized_keys

echo sevbench > root/etc/hostname
echo 'LABEL=sevbench-root / ext4 defaults,noatime 0 1' > root/etc/fstab
# QEMU's user network, by its fixed numbers: nothing to wait for.
printf '[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\nLinkLocalAddressing=no\n' \
    > root/etc/systemd/network/10-sevbench.network
mkdir -p root/etc/systemd/system/multi-user.target.wants
ln -sf /lib/systemd/system/systemd-networkd.service root/etc/systemd/system/multi-user.target.wants/
# The agent reads from it which protection is active.
echo msr > root/etc/modules-load.d/sevbench.conf
for unit in "$@"; do
    ln -sf /dev/null "root/etc/systemd/system/$unit"
done

cp root/boot/vmlinuz-* vmlinuz
cp root/boot/initrd.img-* initrd
mke2fs -q -t ext4 -L sevbench-root -d root root.img "${size_mib}M"
# It holds the guest's private key.
chmod 600 root.img
rm -rf root host_key
