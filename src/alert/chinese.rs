//! The explanations of the catalogue in Chinese, for `journalctl -x` under a Chinese locale. Names that a person types or
//! sees (commands, keys, tags) stay as they are; the cloud's own terms are those of its Chinese console: 用户网关 customer gateway,
//! IPsec 连接 IPsec connection, 地域 region, 配额 quota, 访问密钥 AccessKey.

/// One event in Chinese; the rest of it is the catalogue's.
#[derive(Debug, PartialEq, Eq)]
pub struct Chinese {
    pub code: &'static str,
    pub subject: &'static str,
    pub text: &'static str,
    pub safe: &'static str,
    pub remedy: &'static str,
}

/// The explanation of the event with this code.
pub fn find(code: &str) -> Option<&'static Chinese> {
    CHINESE.iter().find(|event| event.code == code)
}

/// In the catalogue's order.
pub const CHINESE: &[Chinese] = &[
    Chinese {
        code: "address.changed",
        subject: "本设备的地址已改变",
        text: "各地址来源现在给出的地址与之前不同。在新地址稳定之前，不会据此采取任何行动。",
        safe: "云上尚未做任何改动；`cgwd check` 和 `cgwd plan` 只读取信息。",
        remedy: "如果这一变化并非有意为之，请在新地址稳定之前恢复原地址；`cgwd check` 会显示每个来源给出的地址",
    },
    Chinese {
        code: "address.settled",
        subject: "新地址已稳定",
        text: "新地址在规定的稳定时间内保持不变，现在将与用户网关进行比较。",
        safe: "查看是安全的：`cgwd check`、`cgwd plan` 和 `cgwd status` 都不写入任何内容。",
        remedy: "运行 `cgwd plan`，查看这对云上配置意味着什么",
    },
    Chinese {
        code: "address.unusable",
        subject: "本设备的地址无法注册",
        text: "观测到的地址不能用作用户网关的地址。在此期间不会向云端写入任何内容。",
        safe: "一切照常：用户网关保持不变，已建立的隧道继续工作，可以重启 cgwd。",
        remedy: "运行 `cgwd check`：它会指出违反的规则以及需要修改的内容；如果设备位于 NAT 之后，请添加一个能看到公网地址的来源",
    },
    Chinese {
        code: "observation.blind",
        subject: "无法观测本设备的地址",
        text: "所有已配置的来源都没有给出有效读数，因此地址的变化不会被发现。最近一次稳定的地址继续有效。",
        safe: "一切照常：未知的地址绝不会被当作变化，用户网关保持不变。",
        remedy: "运行 `cgwd check`，查看每个来源失败的原因",
    },
    Chinese {
        code: "observation.disagreement",
        subject: "各地址来源的结果不一致",
        text: "本应看到同一地址的来源给出了不同的地址。如果 `agreement` 不是 `first`，在此期间不会向云端写入任何内容。",
        safe: "查看和重新加载配置：修正来源后执行 `systemctl reload cgwd`。",
        remedy: "运行 `cgwd check` 查看每个来源的结果；移除错误的来源，或设置 `[address] prefer`",
    },
    Chinese {
        code: "observation.degraded",
        subject: "地址变化会较晚才被发现",
        text: "无法获得内核的地址事件；改为定时读取网络接口，因此变化会较晚才被发现。",
        safe: "一切照常：变化仍会在下一次读取时被发现。",
        remedy: "在服务单元中允许 AF_NETLINK（`RestrictAddressFamilies=`），然后重启 cgwd",
    },
    Chinese {
        code: "asn.changed",
        subject: "本设备的自治系统号（ASN）已改变",
        text: "BGP 来源现在给出的自治系统号与之前不同。",
        safe: "云上尚未做任何改动；`cgwd check` 和 `cgwd plan` 只读取信息。",
        remedy: "如果这一变化并非有意为之，请在路由守护进程中恢复原来的 ASN；`cgwd check` 会显示读到的内容",
    },
    Chinese {
        code: "asn.unknown",
        subject: "无法读取本设备的自治系统号（ASN）",
        text: "路由守护进程没有给出自治系统号。最近一次已知的号码继续有效，云上不会有任何改动。",
        safe: "可以重启路由守护进程和 cgwd：未知的 ASN 绝不会被当作变化。",
        remedy: "检查路由守护进程是否在运行，以及 cgwd 是否有权读取；`cgwd check` 会显示它的回答",
    },
    Chinese {
        code: "asn.unusable",
        subject: "本设备的自治系统号（ASN）无法注册",
        text: "该自治系统号不能用于用户网关，或者两处给出的号码不同。在此期间不会向云端写入任何内容。",
        safe: "一切照常：用户网关保持不变，可以重启 cgwd。",
        remedy: "运行 `cgwd check`：它会指出违反的规则以及需要修改的内容",
    },
    Chinese {
        code: "registration.created",
        subject: "已创建用户网关",
        text: "本设备此前没有用户网关；现在已有一个具有其地址和 ASN 的用户网关，并带有本设备的标记。",
        safe: "可以立即使用该用户网关。再次启动不会创建第二个。",
        remedy: "在 IPsec 连接中使用它",
    },
    Chinese {
        code: "registration.adopted",
        subject: "已接管用户网关",
        text: "已有一个具有本设备地址和 ASN 且没有标记的用户网关，现在它带有本设备的标记。",
        safe: "一切照常：只添加了标签，它的地址、ASN 和连接都没有改变。",
        remedy: "无需处理；`cgwd deregister` 可以去掉标记",
    },
    Chinese {
        code: "registration.removed",
        subject: "本设备已注销",
        text: "已从用户网关上去掉本设备的标记；如果要求删除，用户网关也已删除。",
        safe: "一切照常：没有改动该用户网关的连接。",
        remedy: "无需处理；`cgwd register` 可以重新注册本设备",
    },
    Chinese {
        code: "replacement.needed",
        subject: "用户网关与本设备不再一致",
        text: "用户网关上的地址或 ASN 与本设备的不同，而这两项在云上都无法修改：在更换用户网关之前，其后的 IPsec 连接一直处于中断状态。",
        safe: "可以用 `cgwd plan` 查看。不安全的做法：手工删除用户网关或其连接，因为它们的设置和预共享密钥会一并丢失。",
        remedy: "运行 `cgwd plan`，查看需要做什么",
    },
    Chinese {
        code: "registration.blocked",
        subject: "cgwd 不得为本设备向云端写入",
        text: "有规则禁止注册本设备，例如用户网关带有另一台设备的标记，或者地域与配置的不同。",
        safe: "一切照常：在此期间 cgwd 不写入任何内容，也不改动连接。",
        remedy: "运行 `cgwd plan`：它会指出相应的规则以及需要修改的内容",
    },
    Chinese {
        code: "gateway.drift",
        subject: "用户网关被他人修改",
        text: "用户网关的某个属性或标记与 cgwd 留下的不同。它不会被覆盖。",
        safe: "可以保持现状：隧道不依赖于它。",
        remedy: "运行 `cgwd plan` 查看差异；将其写入配置，或在控制台中改回",
    },
    Chinese {
        code: "gateway.duplicate",
        subject: "本设备有多个用户网关",
        text: "有多个用户网关带有本设备的标记。如果其中没有或有不止一个持有本设备的地址和 ASN，则无法判断应使用哪一个，在此期间不会向云端写入任何内容。",
        safe: "可以查看。不安全的做法：在确认没有连接使用之前删除其中任何一个。",
        remedy: "运行 `cgwd plan` 查看它们；删除没有连接使用的那个，或去掉它的 `cgwd-device` 标签",
    },
    Chinese {
        code: "cloud.unreachable",
        subject: "无法访问云端 API",
        text: "云端没有给出可用的回答，因此其状态未知。本设备的观测照常进行，不写入任何内容。",
        safe: "在本设备上的任何操作。不安全的做法：把没有回答当作云上对象已不存在的迹象。",
        remedy: "运行 `cgwd doctor`，或在本设备上用 `curl -v` 访问所指出的主机；确认对 API 的访问不依赖于隧道",
    },
    Chinese {
        code: "cloud.refused",
        subject: "云端拒绝了凭证或权限",
        text: "云端拒绝了凭证，或表示凭证没有相应的权限，或者本设备没有凭证。云上状态未知，不写入任何内容。",
        safe: "可以更换凭证：每次调用都会重新读取凭证文件；systemd 凭证在重启时重新读取。",
        remedy: "检查访问密钥是否有效、是否拥有所指出的调用需要的权限，以及是否允许从本设备的地址使用",
    },
    Chinese {
        code: "quota.full",
        subject: "用户网关的配额已用完",
        text: "该账号在此地域的用户网关数量已达上限，无法再创建。",
        safe: "可以等待：已有的对象不受影响。不安全的做法：删除仍有连接使用的用户网关。",
        remedy: "删除未使用的用户网关，或在配额中心提高配额",
    },
    Chinese {
        code: "clock.skew",
        subject: "本设备的时钟不准",
        text: "本设备的时钟与云端相差超过五分钟。请求用云端的时间签名；不会开始更换。",
        safe: "可以校正时钟：cgwd 的等待不依赖于它。",
        remedy: "启动时间服务，例如 chrony 或 systemd-timesyncd，并查看 `timedatectl`",
    },
    Chinese {
        code: "clock.jumped",
        subject: "时钟跳变或设备曾休眠",
        text: "有一段时间 cgwd 没有经历，或者系统时钟被重新设置。在写入任何内容之前，会重新读取全部信息。",
        safe: "一切照常。",
        remedy: "如果是休眠之后或首次时间同步，则无需处理；否则请检查时间服务",
    },
    Chinese {
        code: "state.watch_only",
        subject: "无法写入状态：cgwd 只观测",
        text: "状态目录不存在、已满、只读或无法读取。变化仍会被观测和告知，但没有可靠的日志记录，就不会向云端写入任何内容。",
        safe: "可以任意多次重启 cgwd。不安全的做法：在有写操作尚未确认时删除日志记录。",
        remedy: "使状态目录可写，或在其上释放空间，然后重启 cgwd",
    },
    Chinese {
        code: "write.unconfirmed",
        subject: "一次云端写操作的结果未知",
        text: "一个修改云上内容的请求没有得到可用的回答，因此它可能已经生效。cgwd 在重试之前会先查看，并且只会用同一个客户端令牌重试。",
        safe: "可以等待和重启：意图已写入磁盘，同一个客户端令牌不会产生第二个对象。",
        remedy: "请等待：云端可读之后，大约 16 分钟内会自行得到结果；在此期间不要手工重复该修改",
    },
    Chinese {
        code: "config.invalid",
        subject: "新配置无效",
        text: "磁盘上的配置有错误，没有被采用；之前的配置继续有效。下一次启动将会失败。",
        safe: "可以编辑文件并重新加载。不安全的做法：在 `cgwd config check` 仍报告错误时重启。",
        remedy: "运行 `cgwd config check`，改正文件后重新加载",
    },
    Chinese {
        code: "service.failed",
        subject: "cgwd 已失败，不会再次启动",
        text: "systemd 已放弃启动 cgwd：配置被拒绝、凭证无法打开，或者它反复退出。现在没有程序看护本设备。此告警由 systemd 自己发出（cgwd-failed@.service）。",
        safe: "可以随时重新启动：尚未完成的操作会通过查看来确认。云上的对象和隧道保持不变。",
        remedy: "在 `journalctl -u cgwd` 中查看原因，改正后执行 `systemctl reset-failed cgwd` 和 `systemctl start cgwd`",
    },
];
