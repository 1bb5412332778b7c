//! What the doubts say, in the five languages; `{0}` is what was seen.

use super::Doubt;

pub fn text(doubt: Doubt) -> [&'static str; 5] {
    match doubt {
        Doubt::NoSizeBands => [
            "no company sizes are told, so the biggest look best",
            "không nêu quy mô công ty nào, nên khách càng lớn trông càng tốt",
            "没有写明公司规模，于是越大越显得好",
            "لم يُذكر أي حجم للشركات، فيبدو الأكبر هو الأفضل",
            "non è detta alcuna dimensione, così i più grandi sembrano i migliori",
        ],
        Doubt::CoarseSizeBand => [
            "the band {0} holds companies that differ: 500, 1,000, 1,500 and 2,000 are not the same",
            "khoảng {0} gộp những công ty rất khác nhau: 500, 1.000, 1.500 và 2.000 không giống nhau",
            "区间 {0} 包含差异很大的公司：500、1000、1500 和 2000 并不相同",
            "الشريحة {0} تجمع شركات مختلفة: 500 و1000 و1500 و2000 ليست سواء",
            "la fascia {0} mette insieme imprese diverse: 500, 1.000, 1.500 e 2.000 non sono uguali",
        ],
        Doubt::SizeBandGap => [
            "nothing is said of the sizes {0}",
            "không nói gì về quy mô {0}",
            "规模 {0} 没有说明",
            "لم يُذكر شيء عن الأحجام {0}",
            "non si dice nulla delle dimensioni {0}",
        ],
        Doubt::BiggestWithoutCapacity => [
            "the biggest band that is served, {0}, states no capacity: nobody knows how many such customers the team can take",
            "khoảng lớn nhất đang phục vụ, {0}, không nêu năng lực: không ai biết đội ngũ nhận được bao nhiêu khách như vậy",
            "目前服务的最大区间 {0} 没有写明承接能力：无人知道团队能接多少这样的客户",
            "أكبر شريحة تُخدم، {0}، لا تذكر السعة: لا أحد يعلم كم عميلاً كهذا يستوعب الفريق",
            "la fascia più grande servita, {0}, non dice la capacità: nessuno sa quanti clienti così il team può reggere",
        ],
        Doubt::BiggerIsBetter => [
            "the points only rise with the size ({0}): nothing says where it gets too much for you",
            "điểm chỉ tăng theo quy mô ({0}): không có gì cho biết đâu là quá sức của bạn",
            "分数只随规模上升（{0}）：没有说明何时超出你的能力",
            "النقاط ترتفع مع الحجم فقط ({0}): لا شيء يبين متى يفوق ذلك طاقتك",
            "i punti crescono solo con la dimensione ({0}): nulla dice quando diventa troppo per te",
        ],
        Doubt::NothingTooBig => [
            "no company is too big: the band {0} has no end",
            "không công ty nào là quá lớn: khoảng {0} không có điểm kết thúc",
            "没有任何公司算过大：区间 {0} 没有上限",
            "لا شركة أكبر من اللازم: الشريحة {0} بلا نهاية",
            "nessuna impresa è troppo grande: la fascia {0} non ha fine",
        ],
        Doubt::NoDecisionRoles => [
            "nobody is named who takes part in the decision",
            "không nêu ai tham gia quyết định",
            "没有写明谁参与决策",
            "لم يُذكر من يشارك في القرار",
            "non è nominato nessuno che partecipi alla decisione",
        ],
        Doubt::OneDecisionRole => [
            "only one role is named, {0}: where it does not decide alone, the deal is lost elsewhere",
            "chỉ nêu một vai trò, {0}: nếu người đó không tự quyết, thương vụ sẽ mất ở chỗ khác",
            "只写了一个角色 {0}：若其不能独自决定，生意会在别处丢掉",
            "ذُكر دور واحد فقط، {0}: إن لم يقرر وحده ضاعت الصفقة في مكان آخر",
            "è nominato un solo ruolo, {0}: se non decide da solo, il contratto si perde altrove",
        ],
        Doubt::NoRequiredRole => [
            "no role is required ({0}): a lead counts as reached without whoever decides",
            "không vai trò nào là bắt buộc ({0}): khách hàng tiềm năng vẫn tính là đã tiếp cận dù thiếu người quyết định",
            "没有必需的角色（{0}）：即使没接触到决策者也算已触达",
            "لا دور مطلوب ({0}): يُعد العميل المحتمل قد بُلغ من دون صاحب القرار",
            "nessun ruolo è richiesto ({0}): un lead risulta raggiunto senza chi decide",
        ],
        Doubt::NoReview => [
            "nobody is to look at it again: there is no review",
            "không ai phải xem lại: chưa đặt lịch rà soát",
            "没有安排复查，无人会再看它",
            "لا مراجعة محددة: لن ينظر إليه أحد ثانية",
            "nessuno deve riguardarlo: non c'è una revisione",
        ],
        Doubt::ReviewOverdue => [
            "its review was due on {0}",
            "lẽ ra phải rà soát vào {0}",
            "复查应于 {0} 进行",
            "كانت مراجعته مستحقة في {0}",
            "la revisione era prevista per il {0}",
        ],
        Doubt::ReviewTooRare => [
            "it is looked at every {0} days, while markets move by the quarter",
            "cứ {0} ngày mới xem lại, trong khi thị trường đổi theo quý",
            "每 {0} 天才复查一次，而市场按季度变化",
            "يُراجع كل {0} يوماً والأسواق تتغير كل ربع سنة",
            "si riguarda ogni {0} giorni, mentre i mercati cambiano ogni trimestre",
        ],
        Doubt::OldEvidence => [
            "the newest evidence is of {0}",
            "bằng chứng mới nhất là từ {0}",
            "最新的依据是 {0} 的",
            "أحدث دليل يعود إلى {0}",
            "la prova più recente è del {0}",
        ],
        Doubt::DimensionMissing => [
            "nothing is said of {0}",
            "không nói gì về: {0}",
            "没有说明：{0}",
            "لم يُذكر شيء عن: {0}",
            "non si dice nulla di: {0}",
        ],
        Doubt::FewCriteria => [
            "with {0} criteria it fits nearly everybody",
            "chỉ với {0} tiêu chí thì hầu như ai cũng khớp",
            "只有 {0} 条标准，几乎人人符合",
            "مع {0} من المعايير يكاد ينطبق على الجميع",
            "con {0} criteri va bene quasi per tutti",
        ],
        Doubt::NoDisqualifiers => [
            "nothing rules an account out, and not every customer is worth serving",
            "không có gì loại trừ một khách hàng, mà không phải khách nào cũng đáng phục vụ",
            "没有任何排除条件，而并非每个客户都值得服务",
            "لا شيء يستبعد عميلاً، وليس كل عميل جديراً بالخدمة",
            "nulla esclude un cliente, e non tutti valgono la pena",
        ],
        Doubt::CriterionWithoutEvidence => [
            "nothing stands for the criterion on {0}",
            "tiêu chí về {0} không có căn cứ nào",
            "关于 {0} 的标准没有依据",
            "المعيار الخاص بـ{0} بلا سند",
            "nulla sostiene il criterio su {0}",
        ],
        Doubt::NoPains => [
            "no pains are named, so there is nothing to talk about",
            "không nêu nỗi đau nào, nên không có gì để nói chuyện",
            "没有写明痛点，因此无从谈起",
            "لم تُذكر أي آلام، فلا موضوع للحديث",
            "non sono nominati dolori, così non c'è di che parlare",
        ],
    }
}
