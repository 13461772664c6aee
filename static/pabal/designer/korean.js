// What the MJML plugin of GrapesJS calls things, in Korean: it brings no Korean of its own.
export const korean = {
  "grapesjs-mjml": {
    components: {
      names: {
        body: "본문 전체", button: "버튼", column: "단", oneColumn: "1단", twoColumn: "2단", threeColumn: "3단", divider: "선", group: "묶음",
        hero: "히어로", image: "이미지", navBar: "메뉴", navLink: "메뉴 링크", section: "구역", socialGroup: "소셜 묶음",
        socialElement: "소셜 링크", spacer: "여백", text: "텍스트", wrapper: "감싸기", raw: "원본 HTML",
      },
    },
  },
  domComponents: {
    names: {
      "mj-text": "텍스트", "mj-image": "이미지", "mj-button": "버튼", "mj-column": "단", "mj-section": "구역", "mj-group": "묶음",
      "mj-divider": "선", "mj-spacer": "여백", "mj-wrapper": "감싸기", "mj-body": "본문 전체", "mj-hero": "히어로", "mj-raw": "원본 HTML",
      "mj-navbar": "메뉴", "mj-social": "소셜 묶음",
    },
  },
  styleManager: {
    empty: "고칠 요소를 먼저 고르세요",
    sectors: { general: "일반", dimension: "크기와 여백", typography: "글자", decorations: "꾸미기" },
    properties: {
      width: "너비", height: "높이", "background-color": "배경색", "container-background-color": "칸 배경색", color: "글자색",
      padding: "여백", "padding-top": "위 여백", "padding-right": "오른쪽 여백", "padding-bottom": "아래 여백", "padding-left": "왼쪽 여백",
      "inner-padding": "안쪽 여백", "font-size": "글자 크기", "font-weight": "굵기", "font-family": "글꼴", "font-style": "기울임",
      "line-height": "줄 간격", "letter-spacing": "자간", align: "정렬", "text-align": "정렬", "text-decoration": "밑줄",
      "vertical-align": "세로 정렬", border: "테두리", "border-width": "테두리 두께", "border-style": "테두리 모양", "border-color": "테두리 색",
      "border-radius": "모서리 둥글기", "background-url": "배경 이미지", "background-repeat": "배경 반복", "background-size": "배경 크기",
    },
  },
  traitManager: {
    empty: "고칠 요소를 먼저 고르세요",
    label: "설정",
    traits: { labels: { href: "링크 주소", target: "여는 곳", alt: "대체 텍스트", title: "제목", src: "이미지 주소", name: "이름", rel: "관계" } },
  },
};
