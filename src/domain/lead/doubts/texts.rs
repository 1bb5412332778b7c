//! What the doubts say, in the five languages; `{0}` is what was seen.

use super::{LeadDoubt, RoleState};

pub fn text(doubt: LeadDoubt) -> [&'static str; 5] {
    match doubt {
        LeadDoubt::Oversized => [
            "with {0} employees the account is larger than those that can be served",
            "với {0} nhân viên, khách hàng này lớn hơn mức có thể phục vụ",
            "该客户有 {0} 名员工，超出可服务的规模",
            "بعدد موظفين يبلغ {0}، هذا العميل أكبر مما يمكن خدمته",
            "con {0} dipendenti il cliente è più grande di quelli che si possono servire",
        ],
        LeadDoubt::Costly => [
            "an account with {0} employees is served only at a raised cost",
            "khách hàng có {0} nhân viên chỉ được phục vụ với chi phí cao hơn",
            "拥有 {0} 名员工的客户只能以更高成本服务",
            "العميل ذو {0} موظفاً لا يُخدم إلا بكلفة أعلى",
            "un cliente con {0} dipendenti si serve solo a costo maggiore",
        ],
        LeadDoubt::CeoOnly => [
            "only the head of the firm was contacted: {0}",
            "mới chỉ tiếp xúc với người đứng đầu: {0}",
            "只接触了企业负责人：{0}",
            "لم يُتواصل إلا مع رأس الشركة: {0}",
            "è stato contattato solo il vertice: {0}",
        ],
        LeadDoubt::SingleThreaded => [
            "everything hangs on one person: {0}",
            "mọi việc phụ thuộc vào một người: {0}",
            "一切都系于一个人：{0}",
            "كل شيء معلق بشخص واحد: {0}",
            "tutto dipende da una sola persona: {0}",
        ],
        LeadDoubt::NoBudgetHolder => [
            "nobody is known who holds the budget",
            "chưa biết ai nắm ngân sách",
            "不知道谁掌握预算",
            "لا يُعرف من يملك الميزانية",
            "non si conosce chi ha il budget",
        ],
        LeadDoubt::NobodyKnown => [
            "nobody is known there",
            "chưa biết ai ở đó",
            "那里没有任何已知联系人",
            "لا يُعرف أحد هناك",
            "lì non si conosce nessuno",
        ],
        LeadDoubt::NobodyAnswers => [
            "nobody has answered, of {0} who were written to",
            "chưa ai trả lời, trong {0} người đã được liên hệ",
            "已联系 {0} 人，无人回复",
            "لم يجب أحد من {0} تم التواصل معهم",
            "nessuno ha risposto, su {0} contattati",
        ],
        LeadDoubt::Stale => [
            "no sign of life since {0}",
            "không có dấu hiệu nào từ {0}",
            "自 {0} 起没有任何动静",
            "لا أثر منذ {0}",
            "nessun segno di vita dal {0}",
        ],
        LeadDoubt::OldFacts => [
            "what is judged of it was last looked at long ago: {0}",
            "đánh giá về khách đã quá lâu chưa xem lại: {0}",
            "对它的判断很久没有核实：{0}",
            "تقييمه لم يُراجع منذ زمن طويل: {0}",
            "il giudizio non viene verificato da tempo: {0}",
        ],
    }
}

pub fn remedy(doubt: LeadDoubt) -> [&'static str; 5] {
    match doubt {
        LeadDoubt::Oversized => [
            "look for an account, or a part of this one, that your team can make happy",
            "tìm khách hàng, hoặc một bộ phận của khách này, mà đội ngũ phục vụ tốt được",
            "寻找团队能服务好的客户，或该客户的一个部门",
            "ابحث عن عميل، أو جزء من هذا العميل، يستطيع فريقك إرضاءه",
            "cerca un cliente, o una parte di questo, che il tuo team sappia soddisfare",
        ],
        LeadDoubt::Costly => [
            "make sure that the price covers what such an account takes",
            "bảo đảm giá bù được công sức cho khách như vậy",
            "确保价格能覆盖此类客户的投入",
            "تأكد من أن السعر يغطي ما يتطلبه عميل كهذا",
            "verifica che il prezzo copra ciò che un cliente così richiede",
        ],
        LeadDoubt::CeoOnly => [
            "ask who works with it and who judges it: in a firm of this size the head of IT or of the business decides",
            "hỏi ai sẽ dùng và ai đánh giá: ở công ty cỡ này, trưởng bộ phận CNTT hoặc nghiệp vụ quyết định",
            "问清谁使用、谁评估：这种规模的公司由 IT 或业务负责人决定",
            "اسأل من سيعمل به ومن يقيّمه: في شركة بهذا الحجم يقرر رئيس تقنية المعلومات أو القسم المعني",
            "chiedi chi lo userà e chi lo valuta: in un'impresa così decide il responsabile IT o di funzione",
        ],
        LeadDoubt::SingleThreaded => [
            "win a second person before the first one leaves or goes silent",
            "tìm thêm người thứ hai trước khi người này nghỉ hoặc im lặng",
            "在此人离职或沉默之前争取第二个人",
            "اكسب شخصاً ثانياً قبل أن يغادر الأول أو يصمت",
            "conquista una seconda persona prima che la prima se ne vada o taccia",
        ],
        LeadDoubt::NoBudgetHolder => [
            "ask who signs for the money, and have yourself introduced",
            "hỏi ai ký duyệt chi và nhờ giới thiệu",
            "问清谁签批费用，并请人引荐",
            "اسأل من يوقّع على المال واطلب أن يُعرّفك به",
            "chiedi chi firma la spesa e fatti presentare",
        ],
        LeadDoubt::NobodyKnown => [
            "find out who uses, who judges and who pays, before it goes to sales",
            "tìm hiểu ai dùng, ai đánh giá, ai trả tiền trước khi giao cho bán hàng",
            "在转给销售前弄清谁使用、谁评估、谁付款",
            "اعرف من يستخدم ومن يقيّم ومن يدفع قبل تسليمه للمبيعات",
            "scopri chi usa, chi valuta e chi paga, prima di passarlo alle vendite",
        ],
        LeadDoubt::NobodyAnswers => [
            "try another person or another way, or give it back to marketing",
            "thử người khác hoặc kênh khác, hoặc trả lại cho tiếp thị",
            "换一个人或换一种方式，或退回市场部",
            "جرّب شخصاً آخر أو طريقاً آخر، أو أعده إلى التسويق",
            "prova un'altra persona o un'altra via, o restituiscilo al marketing",
        ],
        LeadDoubt::Stale => [
            "ask whether it is still wanted; if not, recycle it",
            "hỏi xem họ còn cần không; nếu không, đưa về nuôi dưỡng",
            "询问是否仍有需求；若无，则退回培育",
            "اسأل هل ما زال مطلوباً؛ وإلا فأعده إلى الرعاية",
            "chiedi se serve ancora; altrimenti rimettilo in coltivazione",
        ],
        LeadDoubt::OldFacts => [
            "look at it again in the next talk, and note the date",
            "xem lại trong lần trao đổi tới và ghi ngày",
            "下次沟通时重新核实并注明日期",
            "راجعه في الحديث القادم ودوّن التاريخ",
            "rivedilo al prossimo colloquio e annota la data",
        ],
    }
}

pub fn next_role(state: &RoleState) -> [&'static str; 5] {
    match state {
        RoleState::Unknown => [
            "nobody is known in this role",
            "chưa biết ai ở vai trò này",
            "该角色尚无已知的人",
            "لا يُعرف أحد في هذا الدور",
            "in questo ruolo non si conosce nessuno",
        ],
        RoleState::Silent { .. } => [
            "{0} is known, and has not answered yet",
            "đã biết {0} nhưng chưa trả lời",
            "已知 {0}，但尚未回复",
            "{0} معروف ولم يجب بعد",
            "{0} è noto e non ha ancora risposto",
        ],
        RoleState::Few { .. } => [
            "{0} of {1} have answered",
            "{0} trên {1} người đã trả lời",
            "{1} 人中有 {0} 人已回复",
            "أجاب {0} من {1}",
            "hanno risposto {0} su {1}",
        ],
    }
}
