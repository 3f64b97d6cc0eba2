"""The words of strerror(3) in other languages, as glibc 2.36 and other releases have them."""

from __future__ import annotations

TRANSLATED: dict[str, str] = {
    # German
    "die operation ist nicht erlaubt": "EPERM",
    "keine berechtigung": "EACCES",
    "das argument ist ungültig": "EINVAL",
    "das gerät oder die ressource ist belegt": "EBUSY",
    "kein passendes gerät gefunden": "ENODEV",
    "kein passendes gerät bzw. keine passende adresse gefunden": "ENXIO",
    "datei oder verzeichnis nicht gefunden": "ENOENT",
    "nicht genügend hauptspeicher verfügbar": "ENOMEM",
    "auf dem gerät ist kein speicherplatz mehr verfügbar": "ENOSPC",
    "die datei existiert bereits": "EEXIST",
    "ungültige adresse": "EFAULT",
    "eingabe-/ausgabefehler": "EIO",
    "unpassender ioctl (i/o-control) für das gerät": "ENOTTY",
    # French
    "opération non permise": "EPERM",
    "permission non accordée": "EACCES",
    "argument invalide": "EINVAL",
    "périphérique ou ressource occupé": "EBUSY",
    "aucun périphérique de ce type": "ENODEV",
    "aucun périphérique ou adresse": "ENXIO",
    "aucun fichier ou dossier de ce type": "ENOENT",
    "ne peut allouer de la mémoire": "ENOMEM",
    "aucun espace disponible sur le périphérique": "ENOSPC",
    "le fichier existe": "EEXIST",
    "mauvaise adresse": "EFAULT",
    "erreur d'entrée/sortie": "EIO",
    "ioctl() inapproprié pour un périphérique": "ENOTTY",
    # Chinese, in simplified characters
    "不允许的操作": "EPERM",
    "权限不够": "EACCES",
    "无效的参数": "EINVAL",
    "设备或资源忙": "EBUSY",
    "没有那个设备": "ENODEV",
    "没有那个设备或地址": "ENXIO",
    "没有那个文件或目录": "ENOENT",
    "无法分配内存": "ENOMEM",
    "设备上没有空间": "ENOSPC",
    "文件已存在": "EEXIST",
    "错误的地址": "EFAULT",
    "输入/输出错误": "EIO",
    "对设备不适当的 ioctl 操作": "ENOTTY",
    # Other releases of glibc
    "aucun fichier ou dossier de ce nom": "ENOENT",
    "impossible d'allouer de la mémoire": "ENOMEM",
}
