// A text to write.

export function read(form) {
  return { text: form.elements.text.value };
}

export function missing(answer, words) {
  return answer.text.trim() === '' ? words.unwritten : null;
}
