//! What findings say in the five languages. `{0}` and so on are what a finding names.

use super::Code;
use crate::domain::labels;

/// What a finding of a code says.
pub fn text(code: Code, language: &str, names: &[String]) -> String {
    let template = labels::of_language(language, template(code));
    let mut text = String::with_capacity(template.len() + 40);
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        let number = rest[at + 1..].chars().next().and_then(|digit| digit.to_digit(10)).unwrap_or(0) as usize;
        // Facets, stages and blocks are named in the reader's language; what people wrote stays as it is.
        let named = names.get(number).map_or("", String::as_str);
        let parts: Vec<&str> = named.split(", ").map(|part| labels::label(language, part)).collect();
        text.push_str(&parts.join(", "));
        rest = rest[at..].split_once('}').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text
}

fn template(code: Code) -> [&'static str; 5] {
    match code {
        Code::OrphanNote => [
            "“{0}” is joined to nothing: link it to what it serves or needs, or remove it",
            "“{0}” không liên kết với gì: hãy liên kết với đối tượng nó phục vụ hoặc cần đến, hoặc xóa nó",
            "“{0}”没有任何关联：请把它与其服务或所需的对象关联，或将其删除",
            "«{0}» غير مرتبط بأي شيء: اربطه بما يخدمه أو يحتاج إليه، أو احذفه",
            "«{0}» non è collegato a nulla: collegalo a ciò che serve o richiede, oppure eliminalo",
        ],
        Code::ChannelUnused => [
            "the channel “{0}” reaches no segment",
            "kênh “{0}” không tiếp cận phân khúc nào",
            "渠道“{0}”没有触达任何客户细分",
            "القناة «{0}» لا تصل إلى أي شريحة",
            "il canale «{0}» non raggiunge alcun segmento",
        ],
        Code::PartnerSuppliesNothing => [
            "the partner “{0}” supplies no resource or activity",
            "đối tác “{0}” không cung cấp nguồn lực hay hoạt động nào",
            "合作伙伴“{0}”没有提供任何资源或业务",
            "الشريك «{0}» لا يوفر أي مورد أو نشاط",
            "il partner «{0}» non fornisce alcuna risorsa o attività",
        ],
        Code::PropositionServesNobody => [
            "the proposition “{0}” serves no segment",
            "đề xuất giá trị “{0}” không phục vụ phân khúc nào",
            "价值主张“{0}”没有服务于任何客户细分",
            "القيمة المقترحة «{0}» لا تخدم أي شريحة",
            "la proposta «{0}» non serve alcun segmento",
        ],
        Code::RevenueWithoutPayer => [
            "nobody pays the revenue stream “{0}”",
            "không ai trả cho dòng doanh thu “{0}”",
            "收入来源“{0}”没有付款方",
            "لا أحد يدفع مصدر الإيرادات «{0}»",
            "nessuno paga il flusso di ricavi «{0}»",
        ],
        Code::RevenueWithoutProposition => [
            "the revenue stream “{0}” is paid for no proposition",
            "dòng doanh thu “{0}” không được trả cho đề xuất giá trị nào",
            "收入来源“{0}”没有对应的价值主张",
            "مصدر الإيرادات «{0}» لا يُدفع مقابل أي قيمة مقترحة",
            "il flusso di ricavi «{0}» non è pagato per alcuna proposta",
        ],
        Code::PayerNotServed => [
            "“{1}” pays “{0}” for “{2}”, which does not serve it",
            "“{1}” trả “{0}” cho “{2}”, nhưng đề xuất này không phục vụ phân khúc đó",
            "“{1}”为“{2}”支付“{0}”，但该价值主张并不服务于它",
            "«{1}» تدفع «{0}» مقابل «{2}» التي لا تخدمها",
            "«{1}» paga «{0}» per «{2}», che non lo serve",
        ],
        Code::VagueNote => [
            "“{0}” could stand on any canvas: say what, for whom and how much",
            "“{0}” có thể nằm trên bất kỳ khung nào: hãy nói rõ điều gì, cho ai và bao nhiêu",
            "“{0}”放在任何画布上都成立：请写明是什么、为谁、多少",
            "«{0}» يصلح لأي نموذج: اذكر ماذا ولمن وكم",
            "«{0}» potrebbe stare su qualunque canvas: precisa che cosa, per chi e quanto",
        ],
        Code::DuplicateNote => [
            "“{0}” says the same as the note {1} of its block",
            "“{0}” trùng với ghi chú {1} trong cùng khối",
            "“{0}”与同一模块中的便签 {1} 重复",
            "«{0}» يكرر الملاحظة {1} في الخانة نفسها",
            "«{0}» dice lo stesso della nota {1} del suo blocco",
        ],
        Code::DuplicateLink => [
            "this link says the same as the link {0}",
            "liên kết này trùng với liên kết {0}",
            "此关联与关联 {0} 重复",
            "هذا الرابط يكرر الرابط {0}",
            "questo collegamento dice lo stesso del collegamento {0}",
        ],
        Code::EmptyBlock => [
            "the block {0} has no entry",
            "khối {0} chưa có mục nào",
            "模块“{0}”没有内容",
            "خانة {0} فارغة",
            "il blocco {0} è vuoto",
        ],
        Code::HypothesisWithoutTest => [
            "“{0}” is assumed, and nothing says how it is tested: give a test, a metric and a threshold",
            "“{0}” chỉ là giả định và chưa nói cách kiểm chứng: hãy nêu phép thử, thước đo và ngưỡng",
            "“{0}”只是假设，未说明如何验证：请给出验证方法、衡量指标和阈值",
            "«{0}» افتراض لا يُذكر كيف يُختبر: حدد اختباراً ومقياساً وعتبة",
            "«{0}» è un'ipotesi e nulla dice come si verifica: indica una verifica, una metrica e una soglia",
        ],
        Code::RiskyUntested => [
            "much falls if “{0}” is wrong, and little or no evidence tells: test it next",
            "nhiều thứ sẽ sụp đổ nếu “{0}” sai mà gần như chưa có bằng chứng: hãy kiểm chứng ngay",
            "若“{0}”不成立，影响很大，而证据不足：请优先验证",
            "الكثير يتوقف على «{0}» ولا دليل كافٍ عليه: اختبره أولاً",
            "molto dipende da «{0}» e le prove sono poche o nessuna: verificalo per primo",
        ],
        Code::HypothesisContradicted => [
            "the evidence for “{0}” contradicts itself: find out for whom it holds",
            "bằng chứng về “{0}” mâu thuẫn nhau: hãy tìm xem nó đúng với ai",
            "关于“{0}”的证据相互矛盾：请查明它对谁成立",
            "الأدلة على «{0}» متناقضة: تبيّن لمن تصح",
            "le prove su «{0}» si contraddicono: scopri per chi vale",
        ],
        Code::HypothesisRefuted => [
            "“{0}” is refuted, and its note still stands",
            "“{0}” đã bị bác bỏ nhưng ghi chú vẫn còn",
            "“{0}”已被证伪，但其便签仍保留",
            "«{0}» دُحض وما زالت ملاحظته قائمة",
            "«{0}» è smentita, ma la sua nota resta",
        ],
        Code::HypothesisStale => [
            "the evidence for “{0}” has become too old: look again",
            "bằng chứng về “{0}” đã quá cũ: hãy kiểm tra lại",
            "关于“{0}”的证据已过时：请重新核实",
            "أدلة «{0}» أصبحت قديمة: أعد التحقق",
            "le prove su «{0}» sono troppo vecchie: verifica di nuovo",
        ],
        Code::OfferAnswersNothing => [
            "“{0}” answers no need",
            "“{0}” không đáp ứng nhu cầu nào",
            "“{0}”没有回应任何需求",
            "«{0}» لا يلبي أي حاجة",
            "«{0}» non risponde ad alcun bisogno",
        ],
        Code::AnswersUnserved => [
            "“{0}” answers needs of “{1}”, which it does not serve",
            "“{0}” đáp ứng nhu cầu của “{1}” nhưng không phục vụ phân khúc đó",
            "“{0}”回应了“{1}”的需求，却不服务于它",
            "«{0}» تلبي حاجات «{1}» ولا تخدمها",
            "«{0}» risponde a bisogni di «{1}», che non serve",
        ],
        Code::ServesWithoutAnswer => [
            "“{0}” serves “{1}” and answers none of its needs",
            "“{0}” phục vụ “{1}” nhưng không đáp ứng nhu cầu nào của họ",
            "“{0}”服务于“{1}”，却没有回应其任何需求",
            "«{0}» تخدم «{1}» ولا تلبي أياً من حاجاتها",
            "«{0}» serve «{1}» e non risponde ad alcuno dei suoi bisogni",
        ],
        Code::NoMatches => [
            "no proposition answers any need: nothing shows that the offering fits",
            "không đề xuất giá trị nào đáp ứng nhu cầu: chưa có gì cho thấy sản phẩm phù hợp",
            "没有任何价值主张回应需求：无法看出产品是否契合",
            "لا قيمة مقترحة تلبي أي حاجة: لا شيء يدل على الملاءمة",
            "nessuna proposta risponde a un bisogno: nulla mostra che l'offerta sia adatta",
        ],
        Code::NoRevenue => [
            "no segment pays for anything",
            "không phân khúc nào trả tiền cho bất cứ điều gì",
            "没有任何客户细分付费",
            "لا شريحة تدفع مقابل أي شيء",
            "nessun segmento paga per qualcosa",
        ],
        Code::ProblemUnsolved => [
            "no solution solves “{0}”",
            "không giải pháp nào giải quyết “{0}”",
            "没有解决方案能解决“{0}”",
            "لا حل لـ «{0}»",
            "nessuna soluzione risolve «{0}»",
        ],
        Code::ProblemConcernsNobody => [
            "the problem “{0}” concerns no segment",
            "vấn đề “{0}” không ảnh hưởng đến phân khúc nào",
            "问题“{0}”不涉及任何客户细分",
            "المشكلة «{0}» لا تخص أي شريحة",
            "il problema «{0}» non interessa alcun segmento",
        ],
        Code::SolutionSolvesNothing => [
            "“{0}” solves no problem of this canvas",
            "“{0}” không giải quyết vấn đề nào trên khung này",
            "“{0}”没有解决画布上的任何问题",
            "«{0}» لا يحل أي مشكلة في هذا النموذج",
            "«{0}» non risolve alcun problema di questo canvas",
        ],
        Code::NoSegment => [
            "there is no segment: say first whom the business serves",
            "chưa có phân khúc nào: trước hết hãy nói doanh nghiệp phục vụ ai",
            "还没有客户细分：请先说明企业服务于谁",
            "لا توجد شرائح: حدد أولاً من تخدمه الشركة",
            "non c'è alcun segmento: di' prima chi serve l'impresa",
        ],
        Code::SegmentWithoutProposition => [
            "no proposition serves “{0}”",
            "không đề xuất giá trị nào phục vụ “{0}”",
            "没有价值主张服务于“{0}”",
            "لا قيمة مقترحة تخدم «{0}»",
            "nessuna proposta serve «{0}»",
        ],
        Code::SegmentWithoutChannel => [
            "no channel reaches “{0}”",
            "không kênh nào tiếp cận “{0}”",
            "没有渠道触达“{0}”",
            "لا قناة تصل إلى «{0}»",
            "nessun canale raggiunge «{0}»",
        ],
        Code::SegmentWithoutRelationship => [
            "no relationship is kept with “{0}”",
            "chưa có quan hệ nào với “{0}”",
            "与“{0}”没有客户关系",
            "لا علاقة مع «{0}»",
            "non c'è alcuna relazione con «{0}»",
        ],
        Code::SegmentWithoutRevenue => [
            "“{0}” pays nothing",
            "“{0}” không trả khoản nào",
            "“{0}”不付费",
            "«{0}» لا تدفع شيئاً",
            "«{0}» non paga nulla",
        ],
        Code::SegmentWithoutPersona => [
            "no persona stands for “{0}”",
            "chưa có chân dung nào đại diện cho “{0}”",
            "“{0}”没有人物画像",
            "لا شخصية تمثل «{0}»",
            "nessuna persona rappresenta «{0}»",
        ],
        Code::SegmentWithoutNeeds => [
            "no need of “{0}” is known",
            "chưa biết nhu cầu nào của “{0}”",
            "尚不了解“{0}”的需求",
            "لا تُعرف أي حاجة لـ «{0}»",
            "non si conosce alcun bisogno di «{0}»",
        ],
        Code::NeedUnanswered => [
            "nothing answers the need of “{0}”: “{1}”",
            "chưa có gì đáp ứng nhu cầu của “{0}”: “{1}”",
            "“{0}”的需求没有得到回应：“{1}”",
            "لا شيء يلبي حاجة «{0}»: «{1}»",
            "nulla risponde al bisogno di «{0}»: «{1}»",
        ],
        Code::OnePropositionForAll => [
            "all segments get the same proposition, “{0}”: one size rarely fits all",
            "mọi phân khúc nhận cùng một đề xuất giá trị, “{0}”: hiếm khi một cỡ vừa cho tất cả",
            "所有客户细分都是同一个价值主张“{0}”：一刀切很少适合所有人",
            "كل الشرائح تتلقى القيمة نفسها «{0}»: قلّما يناسب مقاس واحد الجميع",
            "tutti i segmenti ricevono la stessa proposta, «{0}»: una misura sola va bene a pochi",
        ],
        Code::SamePlan => [
            "“{0}” and “{1}” have the same relationship plan: what differs between them?",
            "“{0}” và “{1}” có cùng kế hoạch quan hệ: họ khác nhau ở điểm nào?",
            "“{0}”与“{1}”的关系计划相同：它们有何不同？",
            "لـ «{0}» و«{1}» خطة العلاقة نفسها: بم تختلفان؟",
            "«{0}» e «{1}» hanno lo stesso piano di relazione: in che cosa differiscono?",
        ],
        Code::FacetMissing => [
            "{1}: nothing is said for “{0}”",
            "{1}: chưa có gì cho “{0}”",
            "{1}：“{0}”尚无内容",
            "{1}: لم يُذكر شيء عن «{0}»",
            "{1}: nulla è detto per «{0}»",
        ],
        Code::FacetAssumed => [
            "{1}: only assumed for “{0}”, without evidence",
            "{1}: với “{0}” mới chỉ là giả định, chưa có bằng chứng",
            "{1}：“{0}”仅为假设，没有证据",
            "{1}: مفترض فقط لـ «{0}» بلا دليل",
            "{1}: solo presunto per «{0}», senza prove",
        ],
        Code::FacetStale => [
            "{1}: the evidence for “{0}” is older than its review period",
            "{1}: bằng chứng cho “{0}” đã quá kỳ xem xét",
            "{1}：“{0}”的证据已超过复查期限",
            "{1}: أدلة «{0}» أقدم من فترة مراجعتها",
            "{1}: le prove per «{0}» sono più vecchie del periodo di revisione",
        ],
        Code::PlanWithoutLifecycle => [
            "the plan for “{0}” says nothing of the stages of the relationship",
            "kế hoạch cho “{0}” chưa nói gì về các giai đoạn của quan hệ",
            "“{0}”的计划没有涉及关系的各个阶段",
            "خطة «{0}» لا تذكر مراحل العلاقة",
            "il piano per «{0}» non dice nulla delle fasi della relazione",
        ],
        Code::LifecycleGap => [
            "the plan for “{0}” leaves out the stage: {1}",
            "kế hoạch cho “{0}” bỏ sót giai đoạn: {1}",
            "“{0}”的计划缺少阶段：{1}",
            "خطة «{0}» تغفل المرحلة: {1}",
            "il piano per «{0}» tralascia la fase: {1}",
        ],
        Code::TouchpointWithoutOwner => [
            "nobody answers for the touchpoint “{0}” of “{1}”",
            "không ai phụ trách điểm tiếp xúc “{0}” của “{1}”",
            "“{1}”的接触点“{0}”无人负责",
            "لا مسؤول عن نقطة الاتصال «{0}» في «{1}»",
            "nessuno risponde del punto di contatto «{0}» di «{1}»",
        ],
        Code::TouchpointChannelElsewhere => [
            "the touchpoint “{0}” uses “{1}”, which does not reach “{2}”",
            "điểm tiếp xúc “{0}” dùng kênh “{1}” không tiếp cận “{2}”",
            "接触点“{0}”使用的“{1}”没有触达“{2}”",
            "نقطة الاتصال «{0}» تستخدم «{1}» التي لا تصل إلى «{2}»",
            "il punto di contatto «{0}» usa «{1}», che non raggiunge «{2}»",
        ],
        Code::PrivacyMissing => [
            "data is held of “{0}”, and nothing says on what ground: {1}",
            "có lưu dữ liệu về “{0}” nhưng chưa nói trên cơ sở nào: {1}",
            "持有“{0}”的数据，却未说明依据：{1}",
            "تُحفظ بيانات عن «{0}» دون ذكر أساس لذلك: {1}",
            "si conservano dati su «{0}» e nulla dice a che titolo: {1}",
        ],
        Code::PriorityDataMissing => [
            "“{0}” can't be ranked well without: {1}",
            "khó xếp hạng “{0}” khi thiếu: {1}",
            "缺少以下数据，难以对“{0}”排序：{1}",
            "لا يمكن ترتيب «{0}» جيداً دون: {1}",
            "«{0}» non si può ordinare bene senza: {1}",
        ],
        Code::CapacityExceeded => [
            "“{0}” has {1} customers, and {2} can be served",
            "“{0}” có {1} khách hàng trong khi chỉ phục vụ được {2}",
            "“{0}”有 {1} 个客户，而服务能力为 {2}",
            "لدى «{0}» عدد {1} من العملاء والقدرة {2}",
            "«{0}» ha {1} clienti e se ne possono servire {2}",
        ],
        Code::TopSegmentWithoutGoodLeads => [
            "“{0}” is ranked first, and none of its {1} graded leads is an A",
            "“{0}” được xếp đầu nhưng không có khách hàng tiềm năng hạng A nào trong số {1}",
            "“{0}”排名第一，但其 {1} 个已评级线索中没有 A 级",
            "«{0}» في المرتبة الأولى ولا عميل محتمل بدرجة A من بين {1}",
            "«{0}» è primo, ma nessuno dei suoi {1} lead valutati è una A",
        ],
        Code::Own => ["{0}", "{0}", "{0}", "{0}", "{0}"],
        Code::OwnScriptFails => [
            "the script {0} fails here, so what it would find is not known: {1}",
            "tập lệnh {0} gặp lỗi ở đây nên không biết nó sẽ phát hiện gì: {1}",
            "脚本 {0} 在此出错，无法得知它会发现什么：{1}",
            "النص البرمجي {0} يتعطل هنا فلا يُعرف ما كان سيجده: {1}",
            "lo script {0} fallisce qui, quindi non si sa che cosa troverebbe: {1}",
        ],
        Code::LowSegmentWithGoodLeads => [
            "“{0}” is ranked {1}, and yields more A leads than the first: {2} of {3}",
            "“{0}” xếp hạng {1} nhưng cho nhiều khách hàng hạng A hơn phân khúc đứng đầu: {2} trên {3}",
            "“{0}”排名第 {1}，但 A 级线索比例高于第一名：{2}/{3}",
            "«{0}» في المرتبة {1} وتعطي درجات A أكثر من الأولى: {2} من {3}",
            "«{0}» è al posto {1}, ma dà più lead A del primo: {2} su {3}",
        ],
    }
}
