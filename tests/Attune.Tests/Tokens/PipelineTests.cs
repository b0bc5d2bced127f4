using System.Text;
using Attune.Runs;
using Attune.Tokens;
using Attune.Tokens.Pipeline;

namespace Attune.Tests.Tokens;

/// <summary>The components of tokenizer.json one by one, worked out by hand from the published schema.</summary>
public sealed class PipelineTests
{
    [Theory]
    [InlineData("""{"type": "NFC"}""", "e\u0301A\u030A\u1100\u1161\u11A8", "éÅ각")]
    [InlineData("""{"type": "NFD"}""", "éÅ각", "e\u0301A\u030A\u1100\u1161\u11A8")]
    [InlineData("""{"type": "NFC"}""", "q\u0307\u0323 \u212B \uFB01 \u0958", "q\u0323\u0307 Å \uFB01 \u0915\u093C")] // sorted, a singleton, no ligature, an excluded pair
    [InlineData("""{"type": "NFKC"}""", "\uFB01 Ⅷ ﾊﾞ ½", "fi VIII バ 1⁄2")]
    [InlineData("""{"type": "NFKD"}""", "ﾊﾞ é", "ハ\u3099 e\u0301")]
    [InlineData("""{"type": "Lowercase"}""", "ÀΣ İ", "àσ i\u0307")]
    [InlineData("""{"type": "Strip"}""", " \t a b \u3000", "a b")]
    [InlineData("""{"type": "Strip", "strip_left": false, "strip_right": true}""", " a ", " a")]
    [InlineData("""{"type": "StripAccents"}""", "e\u0301é", "eé")] // only what stands apart
    [InlineData("""{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}""", " a b", "▁a▁b")]
    [InlineData("""{"type": "Replace", "pattern": {"Regex": "\\s{2,}"}, "content": "_"}""", "a  b \t c d", "a_b_c d")]
    [InlineData("""{"type": "Prepend", "prepend": "▁"}""", "a", "▁a")]
    [InlineData("""{"type": "Prepend", "prepend": "▁"}""", "", "")]
    [InlineData("""{"type": "Nmt"}""", "a\u0001\u200Bb\nc", "a b c")]
    [InlineData("""{"type": "ByteLevel"}""", "é b", "Ã©Ġb")]
    [InlineData("""{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true}""", "Á\u000B\t想b", "a  想 b")]
    [InlineData("""{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": false, "strip_accents": null, "lowercase": false}""", "Á想\uFFFD", "Á想")]
    [InlineData("""{"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]}""", "Élan", "elan")]
    public void A_text_is_normalised(string json, string text, string expected) => Assert.Equal(expected, Normalisers.Read(Part(json))(text));

    [Fact]
    public void Every_character_keeps_its_forms()
    {
        var (nfc, nfd) = (Normalisers.Read(Part("""{"type": "NFC"}""")), Normalisers.Read(Part("""{"type": "NFD"}""")));
        for (var value = 0; value <= 0x10FFFF; value++)
        {
            if (!Rune.IsValid(value))
                continue;
            var text = new Rune(value).ToString();
            var (apart, together) = (nfd(text), nfc(text));
            Assert.Equal(together, nfc(apart));
            Assert.Equal(apart, nfd(together));
        }
    }

    [Theory]
    [InlineData("""{"type": "Whitespace"}""", "Hey, you!? it's", "Hey|,|you|!?|it|'|s")]
    [InlineData("""{"type": "WhitespaceSplit"}""", " Hey, you!\n", "Hey,|you!")]
    [InlineData("""{"type": "BertPreTokenizer"}""", "Hey $5, you", "Hey|$|5|,|you")]
    [InlineData("""{"type": "Punctuation"}""", "a,b!!", "a|,|b|!|!")]
    [InlineData("""{"type": "Punctuation", "behavior": "Contiguous"}""", "a,b!!", "a|,|b|!!")]
    [InlineData("""{"type": "Punctuation", "behavior": "MergedWithPrevious"}""", "a,b!!c", "a,|b!|!|c")]
    [InlineData("""{"type": "Punctuation", "behavior": "MergedWithNext"}""", "a,b!!c", "a|,b|!|!c")]
    [InlineData("""{"type": "Punctuation", "behavior": "Removed"}""", "a,b!!c", "a|b|c")]
    [InlineData("""{"type": "Digits", "individual_digits": true}""", "ab123½", "ab|1|2|3|½")]
    [InlineData("""{"type": "Digits", "individual_digits": false}""", "ab123c", "ab|123|c")]
    [InlineData("""{"type": "CharDelimiterSplit", "delimiter": "-"}""", "a-b--c", "a|b|c")]
    [InlineData("""{"type": "FixedLength", "length": 2}""", "a🦙bcd", "a🦙|bc|d")]
    [InlineData("""{"type": "UnicodeScripts"}""", "どこで生れ。Yes hello", "どこで生れ|。|Yes hello")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}""", "Hey you  two", "▁Hey|▁you|▁|▁two")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": false}""", "Hey you", "Hey▁you")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "add_prefix_space": false}""", "Hey", "Hey")]
    [InlineData("""{"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithNext", "invert": false}""", "a b c", "a| b| c")]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Removed", "invert": true}""", "a b!c", "a|b|c")]
    [InlineData("""{"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"}]}""", "a b", "_a|b")]
    [InlineData("""{"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"}]}""", " a b", "a|b")] // what leads the text is gone
    [InlineData("""{"type": "Sequence", "pretokenizers": [{"type": "ByteLevel", "add_prefix_space": true}, {"type": "Digits", "individual_digits": true}]}""", "é 12", "ĠÃ©|Ġ|1|2")]
    public void A_text_is_cut(string json, string text, string pieces) => Assert.Equal(pieces, string.Join('|', PreTokeniser.Read(Part(json)).Apply(text, TextPlace.Start).Select(piece => piece.Text)));

    [Theory]
    [InlineData("""{"type": "ByteLevel"}""", "Ġa|Ã|©|<x y>", " aé<x y>")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}""", "▁Hey|▁you", "Hey you")]
    [InlineData("""{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"}""", "▁Hey|▁you", " Hey you")]
    [InlineData("""{"type": "WordPiece", "prefix": "##", "cleanup": true}""", "un|##related|wo|n't|!", "unrelated won't!")]
    [InlineData("""{"type": "BPEDecoder", "suffix": "</w>"}""", "un|related</w>|word</w>", "unrelated word")]
    [InlineData("""{"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": true}""", "<pad>;h;h;e;<pad>;l;l;<pad>;l;o;<pad>", "hello")]
    [InlineData("""{"type": "ByteFallback"}""", "<0xE5>|<0x8f>|<0xab>|a", "叫a")]
    [InlineData("""{"type": "ByteFallback"}""", "<0xE5>|<0x8f>|a", "\uFFFD\uFFFDa")]
    [InlineData("""{"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}""", "▁▁Hey|▁you|<0x21>", " Hey you!")]
    [InlineData("""{"type": "Strip", "content": "_", "start": 1, "stop": 2}""", "__a___|_b_|__", "_a_b")]
    [InlineData("""{"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Strip", "content": "_", "start": 0, "stop": 2}]}""", "a_|_|b_|_|_", "a__b_")]
    [InlineData("""{"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Replace", "pattern": {"String": "ab"}, "content": "x"}]}""", "a|b|a|b", "xx")]
    public void Tokens_become_text_streamed_or_not(string json, string tokens, string expected)
    {
        var makes = Decoders.Read(Part(json));
        var result = new DecodedText();
        DecoderStep first = result;
        foreach (var step in makes().Reverse())
            (step.Next, first) = (first, step);
        var text = new StringBuilder();
        foreach (var token in tokens.Split(json.Contains("CTC") ? ';' : '|'))
        {
            first.Write(token, ends: true);
            text.Append(result.Take());
            Assert.StartsWith(text.ToString(), expected); // nothing is taken back
        }
        first.Finish();

        Assert.Equal(expected, text.Append(result.Take()).ToString());
    }

    [Theory]
    [InlineData(@"a(?=b)", "abaab", "0-1,3-4")]
    [InlineData(@"a(?!b)", "abaab", "2-3")]
    [InlineData(@"(?<=a)b", "abbb", "1-2")]
    [InlineData(@"(?<!a)b", "abb", "2-3")]
    [InlineData(@"(?<=\p{L}{1,3})b", "abbb", "1-2,2-3,3-4")] // which ends there, though it could go on
    [InlineData(@"\p{L}++[0-9]|x", "ab1xx", "0-3,3-4,4-5")]
    [InlineData(@"\p{L}+b", "aab", "0-3")] // gives one back
    [InlineData(@"\p{L}++b", "aab", "")]   // and not
    [InlineData(@"(?:ab|a){2}", "aba", "0-3")]
    [InlineData(@"[[^\s\p{L}]&&[^!]]+", "a.!,", "1-2,3-4")]
    [InlineData(@"(?i:ſk)", "SK sk ", "0-2,3-5")]
    [InlineData(@"[\u4e00-\u9fa5]+|\x{1F999}", "a我想🦙", "1-3,3-5")]
    [InlineData(@"\s+$", "a  \nb  ", "1-3,5-7")]
    [InlineData(@".+?c", "abcabc", "0-3,3-6")]
    [InlineData(@"\p{Han}+|\P{L}", "a漢字1", "1-3,3-4")]
    [InlineData(@"\bab\b", "ab cab ab", "0-2,7-9")]
    public void A_pattern_matches_characters(string pattern, string text, string matches) =>
        Assert.Equal(matches, string.Join(',', RunePattern.Parse(pattern).Matches(text).Select(match => $"{match.Start}-{match.End}")));

    [Theory]
    [InlineData("(a", "has '(' at place 1 without ')'")]
    [InlineData("a)", "has ')' without a beginning")]
    [InlineData("*a", "repeats nothing with '*'")]
    [InlineData("[a", "has '[' without ']'")]
    [InlineData(@"\p{Klingon}", "has the property 'Klingon', which is not known")]
    [InlineData(@"(?:a*)*", "repeats for ever what may be empty")]
    [InlineData(@"(a)\1", "has '\\1', which is not known")]
    [InlineData("a{2000}", "repeats '2000' times")]
    [InlineData("(?<name>a)", "has a group of a kind that is not known")]
    public void A_pattern_that_is_not_understood_says_why(string pattern, string reason) =>
        Assert.StartsWith(reason, Assert.Throws<FormatException>(() => RunePattern.Parse(pattern)).Message);

    [Fact]
    public void The_scanners_cut_as_the_patterns_say_that_they_are_written_as()
    {
        foreach (var split in Enum.GetValues<SplitPattern>())
        {
            var pattern = RunePattern.Parse(SplitScanner.RegexOf(split)!);
            for (var seed = 0UL; seed < 500; seed++)
            {
                var text = new Drawn(seed).Text(80) + " I'll 'S ſ'ſ\r\n  \n x" + new Drawn(seed + 7_000).Text(10);
                Assert.Equal(SplitScanner.Words(text, split), pattern.Matches(text));
            }
        }
    }

    [Fact]
    public void A_pattern_that_takes_too_long_is_given_up()
    {
        var error = Assert.Throws<InputException>(() => RunePattern.Parse("(?:a|a)+b").Matches(new string('a', 64)).Count());

        Assert.Contains("takes too many steps on a text of 64 units", error.Message);
        Assert.Single(RunePattern.Parse(@"(?:ab)+").Matches(string.Concat(Enumerable.Repeat("ab", 500_000)))); // and no depth overflows
    }

    private static Component Part(string json) => new("tokenizer.json", "part", TokenizerJson.Parsed(json));
}
