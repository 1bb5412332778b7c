//! The names of things in the five languages that canvases are shown in.

/// The languages, by their BCP 47 primary subtags, in the order of [`LABELS`].
pub const LANGUAGES: [&str; 5] = ["en", "vi", "zh", "ar", "it"];

/// A thing's name in a language such as `vi` or `zh-Hant`. In another language, and of a thing without a name here, it is
/// the English one.
pub fn label<'a>(language: &str, english: &'a str) -> &'a str {
    LABELS.iter().find(|row| row[0] == english).map_or(english, |row| of_language(language, *row))
}

/// Of the same thing said in [`LANGUAGES`], that in a language; the English one for any other.
pub fn of_language<'a>(language: &str, said: [&'a str; 5]) -> &'a str {
    let primary = language.split(['-', '_']).next().unwrap_or_default();
    let column = LANGUAGES.iter().position(|known| known.eq_ignore_ascii_case(primary));
    said[column.unwrap_or(0)]
}

/// What is named: blocks, facets, types of relationships, links, and the words between them.
const LABELS: [[&str; 5]; 104] = [
    // The blocks of a business model.
    ["Customer Segments", "Phân khúc khách hàng", "客户细分", "شرائح العملاء", "Segmenti di clientela"],
    ["Value Propositions", "Đề xuất giá trị", "价值主张", "القيمة المقترحة", "Proposte di valore"],
    ["Channels", "Kênh", "渠道通路", "القنوات", "Canali"],
    [
        "Customer Relationships",
        "Quan hệ khách hàng",
        "客户关系",
        "العلاقات مع العملاء",
        "Relazioni con i clienti",
    ],
    ["Revenue Streams", "Dòng doanh thu", "收入来源", "مصادر الإيرادات", "Flussi di ricavi"],
    ["Key Resources", "Nguồn lực chính", "核心资源", "الموارد الرئيسية", "Risorse chiave"],
    ["Key Activities", "Hoạt động chính", "关键业务", "الأنشطة الرئيسية", "Attività chiave"],
    ["Key Partnerships", "Đối tác chính", "重要合作", "الشراكات الرئيسية", "Partner chiave"],
    ["Cost Structure", "Cơ cấu chi phí", "成本结构", "هيكل التكاليف", "Struttura dei costi"],
    // The blocks of a lean canvas.
    ["Problem", "Vấn đề", "问题", "المشكلة", "Problema"],
    ["Solution", "Giải pháp", "解决方案", "الحل", "Soluzione"],
    [
        "Unique Value Proposition",
        "Đề xuất giá trị độc nhất",
        "独特价值主张",
        "القيمة المقترحة الفريدة",
        "Proposta di valore unica",
    ],
    ["Key Metrics", "Chỉ số chính", "关键指标", "المؤشرات الرئيسية", "Metriche chiave"],
    ["Unfair Advantage", "Lợi thế khó sao chép", "独特优势", "ميزة لا تُقلَّد", "Vantaggio competitivo"],
    // The facets of a relationship.
    ["Segments", "Phân khúc", "细分", "الشرائح", "Segmenti"],
    ["Type of relationship", "Loại quan hệ", "关系类型", "نوع العلاقة", "Tipo di relazione"],
    ["Customization", "Tùy chỉnh", "个性化定制", "التخصيص", "Personalizzazione"],
    ["Touchpoints", "Điểm tiếp xúc", "接触点", "نقاط الاتصال", "Punti di contatto"],
    ["Lifecycle", "Vòng đời khách hàng", "客户生命周期", "دورة حياة العميل", "Ciclo di vita"],
    ["Feedback and data", "Phản hồi và dữ liệu", "反馈与数据", "الملاحظات والبيانات", "Feedback e dati"],
    ["Support", "Hỗ trợ", "支持", "الدعم", "Assistenza"],
    [
        "Retention and loyalty",
        "Giữ chân và lòng trung thành",
        "留存与忠诚",
        "الاحتفاظ والولاء",
        "Fidelizzazione",
    ],
    ["Complaint handling", "Xử lý khiếu nại", "投诉处理", "معالجة الشكاوى", "Gestione dei reclami"],
    [
        "Privacy and security",
        "Quyền riêng tư và bảo mật",
        "隐私与安全",
        "الخصوصية والأمان",
        "Privacy e sicurezza",
    ],
    // How well a facet is founded.
    ["missing", "còn thiếu", "缺失", "مفقود", "mancante"],
    ["assumed", "giả định", "假设", "مفترض", "presunto"],
    ["evidenced", "có bằng chứng", "有证据", "مثبت", "comprovato"],
    ["stale", "đã cũ", "已过时", "متقادم", "superato"],
    // How customers are dealt with.
    ["personal assistance", "hỗ trợ cá nhân", "个人助理", "المساعدة الشخصية", "assistenza personale"],
    [
        "dedicated personal assistance",
        "hỗ trợ cá nhân chuyên trách",
        "专属个人助理",
        "مساعدة شخصية مخصصة",
        "assistenza personale dedicata",
    ],
    ["self-service", "tự phục vụ", "自助服务", "الخدمة الذاتية", "self-service"],
    ["automated services", "dịch vụ tự động", "自动化服务", "الخدمات المؤتمتة", "servizi automatici"],
    ["communities", "cộng đồng", "社区", "المجتمعات", "community"],
    ["co-creation", "đồng sáng tạo", "共同创造", "الإنشاء المشترك", "co-creazione"],
    // The stages of a relationship.
    ["awareness", "nhận biết", "认知", "الوعي", "conoscenza"],
    ["consideration", "cân nhắc", "考虑", "التفكير", "valutazione"],
    ["first purchase", "mua lần đầu", "首次购买", "الشراء الأول", "primo acquisto"],
    ["onboarding", "làm quen", "上手", "التهيئة", "avvio"],
    ["use", "sử dụng", "使用", "الاستخدام", "uso"],
    ["renewal", "gia hạn", "续约", "التجديد", "rinnovo"],
    ["advocacy", "giới thiệu", "推荐", "التوصية", "raccomandazione"],
    // On what ground personal data is held.
    ["consent", "sự đồng ý", "同意", "الموافقة", "consenso"],
    ["contract", "hợp đồng", "合同", "العقد", "contratto"],
    ["legal obligation", "nghĩa vụ pháp lý", "法律义务", "التزام قانوني", "obbligo legale"],
    ["vital interests", "lợi ích sống còn", "重大利益", "المصالح الحيوية", "interessi vitali"],
    ["public task", "nhiệm vụ công", "公共任务", "مهمة عامة", "compito pubblico"],
    ["legitimate interests", "lợi ích chính đáng", "合法利益", "المصالح المشروعة", "interessi legittimi"],
    // What a segment lacks or wishes.
    ["need", "nhu cầu", "需求", "حاجة", "bisogno"],
    ["pain", "nỗi đau", "痛点", "ألم", "problema"],
    ["desire", "mong muốn", "愿望", "رغبة", "desiderio"],
    // What links say.
    ["serves", "phục vụ", "服务于", "يخدم", "serve"],
    ["reaches", "tiếp cận", "触达", "يصل إلى", "raggiunge"],
    ["relates to", "liên quan đến", "关联", "يتعلق بـ", "riguarda"],
    ["is paid by", "được trả bởi", "付款方", "يدفعه", "è pagato da"],
    ["is paid for", "được trả cho", "付费购买", "يُدفع مقابل", "è pagato per"],
    ["supplies", "cung cấp", "供应", "يوفر", "fornisce"],
    ["needs", "cần", "需要", "يحتاج إلى", "richiede"],
    ["costs", "tốn", "产生成本", "يكلف", "costa"],
    ["concerns", "ảnh hưởng đến", "涉及", "يخص", "interessa"],
    ["solves", "giải quyết", "解决", "يحل", "risolve"],
    ["delivers", "mang đến", "交付", "يوصل", "consegna"],
    // The words between them.
    ["revision", "bản sửa", "修订", "المراجعة", "revisione"],
    ["deleted", "đã xóa", "已删除", "محذوف", "eliminato"],
    ["nothing yet", "chưa có gì", "暂无", "لا شيء بعد", "ancora nulla"],
    ["growth a year", "tăng trưởng mỗi năm", "年增长", "النمو السنوي", "crescita annua"],
    ["size", "quy mô", "规模", "الحجم", "dimensione"],
    ["fit", "độ phù hợp", "契合度", "الملاءمة", "idoneità"],
    ["capacity", "năng lực phục vụ", "服务能力", "القدرة", "capacità"],
    ["persona", "chân dung", "人物画像", "شخصية", "persona"],
    ["wants", "muốn", "希望", "يريد", "vuole"],
    ["suffers from", "gặp khó với", "困扰于", "يعاني من", "soffre per"],
    ["is met by", "tiếp xúc qua", "联系方式", "يُلتقى عبر", "si raggiunge con"],
    ["relationship", "quan hệ", "关系", "العلاقة", "relazione"],
    ["answer within", "trả lời trong", "响应时间", "الرد خلال", "risposta entro"],
    ["settled within", "giải quyết trong", "解决时间", "التسوية خلال", "risolto entro"],
    ["hypothesis", "giả thuyết", "假设条件", "فرضية", "ipotesi"],
    ["test", "kiểm chứng", "验证", "الاختبار", "verifica"],
    ["metric", "thước đo", "衡量", "المقياس", "metrica"],
    ["threshold", "ngưỡng", "阈值", "العتبة", "soglia"],
    ["result", "kết quả", "结果", "النتيجة", "risultato"],
    ["evidence", "bằng chứng", "证据", "الأدلة", "prove"],
    ["source", "nguồn", "来源", "المصدر", "fonte"],
    ["entries", "mục", "条目", "البنود", "voci"],
    ["priority", "mức ưu tiên", "优先级", "الأولوية", "priorità"],
    [
        "leads by grade",
        "khách hàng tiềm năng theo hạng",
        "线索按等级",
        "العملاء المحتملون حسب الدرجة",
        "lead per grado",
    ],
    ["without a grade", "chưa có hạng", "无等级", "بلا درجة", "senza grado"],
    // The templates.
    ["B2B software", "phần mềm B2B", "B2B 软件", "برمجيات للشركات", "software B2B"],
    ["e-commerce", "thương mại điện tử", "电子商务", "تجارة إلكترونية", "e-commerce"],
    ["clinic", "phòng khám", "诊所", "عيادة", "clinica"],
    // How hypotheses stand.
    ["untested", "chưa kiểm chứng", "未验证", "غير مختبر", "non verificata"],
    ["weakly founded", "căn cứ yếu", "证据薄弱", "أساسه ضعيف", "poco fondata"],
    ["supported", "được ủng hộ", "得到支持", "مدعوم", "sostenuta"],
    ["refuted", "bị bác bỏ", "已证伪", "مدحوض", "smentita"],
    ["contradicted", "mâu thuẫn", "相互矛盾", "متناقض", "contraddetta"],
    // What happened between two canvases.
    ["added", "đã thêm", "新增", "أُضيف", "aggiunto"],
    ["removed", "đã bỏ", "移除", "أُزيل", "rimosso"],
    ["changed", "đã đổi", "更改", "تغيّر", "modificato"],
    ["moved", "đã chuyển", "移动", "نُقل", "spostato"],
    ["retargeted", "đổi đích", "改指", "أُعيد توجيهه", "reindirizzato"],
    ["canvas", "khung mô hình", "画布", "النموذج", "canvas"],
    ["note", "ghi chú", "便签", "ملاحظة", "nota"],
    ["link", "liên kết", "关联", "رابط", "collegamento"],
    ["segment", "phân khúc khách hàng", "客户群体", "شريحة", "segmento"],
    ["facet", "khía cạnh", "方面", "جانب", "aspetto"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_domain_names_has_its_names_here() {
        use crate::domain::canvas::{CanvasKind, LinkKind};
        use crate::domain::segment::FacetKind;
        let blocks = [CanvasKind::BusinessModel, CanvasKind::Lean].into_iter().flat_map(CanvasKind::blocks);
        let titles = blocks.map(|block| block.title()).chain(FacetKind::ALL.map(FacetKind::title));
        for title in titles.chain([LinkKind::PaidBy.title()]) {
            assert!(LABELS.iter().any(|row| row[0] == title), "{title}");
        }
    }

    #[test]
    fn each_thing_has_one_name_in_each_language() {
        for row in LABELS {
            assert!(row.iter().all(|name| !name.is_empty()), "{row:?}");
            assert_eq!(LABELS.iter().filter(|other| other[0] == row[0]).count(), 1, "{row:?}");
        }
        assert_eq!(label("zh-Hant", "Channels"), "渠道通路");
        assert_eq!(label("IT", "Channels"), "Canali");
        assert_eq!(label("fr", "Channels"), "Channels");
        assert_eq!(label("it", "Nothing that is known"), "Nothing that is known");
    }
}
