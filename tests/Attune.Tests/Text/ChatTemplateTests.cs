using Attune.Runs;
using Attune.Text;

namespace Attune.Tests.Text;

/// <summary>Templates with the constructions of published models, written for these tests, and what each piece of the language does, worked out by hand.</summary>
public sealed class ChatTemplateTests
{
    private static readonly ChatTokens Tokens = new() { Begin = "<s>", End = "</s>", Special = ["<s>", "</s>", "<|im_end|>", "<|eot|>", "<|end|>", "<end_of_turn>"] };

    private static readonly Conversation Chat = new([new(Role.System, "Be kind."), new(Role.User, " Hi "), new(Role.Assistant, "Hello. "), new(Role.User, "Why?"), new(Role.Assistant, "So.")]);

    /// <summary>The form of Llama 2: the system text within the first turn, one begin and end for each pair of turns.</summary>
    private const string Pairs = """
        {% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = messages[0]['content'] %}{% else %}{% set rest = messages %}{% set system = false %}{% endif %}
        {% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Turns must alternate') }}{% endif %}
        {% if loop.index0 == 0 and system != false %}{% set content = '<<SYS>>\n' + system + '\n<</SYS>>\n\n' + m['content'] %}{% else %}{% set content = m['content'] %}{% endif %}
        {% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}
        {%- endfor %}
        """;

    [Fact]
    public void Pairs_of_turns_share_a_beginning_and_an_end() => AssertChat(Pairs,
        "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\n Hi [/INST]⟦ Hello. </s>⟧<s>[INST] Why? [/INST]⟦ So. </s>⟧", "<s>[INST] Why? [/INST]⟦ So. </s>⟧");

    [Fact]
    public void Headers_stand_before_turns_as_in_Llama_3() => AssertChat(
        "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|h|>' + message['role'] + '<|/h|>\\n\\n'+ message['content'] | trim + '<|eot|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|h|>assistant<|/h|>\\n\\n' }}{% endif %}",
        "<s><|h|>system<|/h|>\n\nBe kind.<|eot|><|h|>user<|/h|>\n\nHi<|eot|><|h|>assistant<|/h|>\n\n⟦Hello.<|eot|>⟧<|h|>user<|/h|>\n\nWhy?<|eot|><|h|>assistant<|/h|>\n\n⟦So.<|eot|>⟧");

    [Fact]
    public void A_missing_system_text_is_put_in_as_in_Qwen() => AssertChat("""
        {%- if messages[0]['role'] == 'system' %}
            {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
        {%- else %}
            {{- '<|im_start|>system\nYou help.<|im_end|>\n' }}
        {%- endif %}
        {%- for message in messages %}
            {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
                {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
            {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|im_start|>assistant\n' }}
        {%- endif %}
        """,
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\n⟦Hello. <|im_end|>⟧\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n⟦So.<|im_end|>⟧\n",
        "<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n⟦So.<|im_end|>⟧\n");

    [Fact]
    public void Roles_are_renamed_and_the_system_text_joins_the_first_turn_as_in_Gemma() => AssertChat("""
        {{ bos_token }}{% set ns = namespace(first='') %}{% for message in messages %}{% if message['role'] == 'system' %}{% set ns.first = message['content'] + '\n\n' %}{% continue %}{% endif %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}{{ '<start_of_turn>' + role + '\n' + ns.first + message['content'] | trim + '<end_of_turn>\n' }}{% set ns.first = '' %}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}
        """,
        "<s><start_of_turn>user\nBe kind.\n\nHi<end_of_turn>\n<start_of_turn>model\n⟦Hello.<end_of_turn>⟧\n<start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n⟦So.<end_of_turn>⟧\n");

    [Fact]
    public void Turns_stand_on_lines_of_their_own_as_in_Zephyr_and_Phi() => AssertChat("""
        {% for message in messages %}
        {% if message['role'] == 'user' %}
        {{ '<|user|>\n' + message['content'] + '<|end|>' }}
        {% elif message['role'] == 'system' %}
        {{ '<|system|>\n' + message['content'] + '<|end|>' }}
        {% elif message['role'] == 'assistant' %}
        {{ '<|assistant|>\n'  + message['content'] + '<|end|>' }}
        {% endif %}
        {% if loop.last and add_generation_prompt %}
        {{ '<|assistant|>' }}
        {% endif %}
        {% endfor %}
        """,
        "<|system|>\nBe kind.<|end|>\n<|user|>\n Hi <|end|>\n<|assistant|>\n⟦Hello. <|end|>⟧\n<|user|>\nWhy?<|end|>\n<|assistant|>\n⟦So.<|end|>⟧\n");

    [Fact]
    public void Generation_marks_say_what_is_learned() => AssertChat(
        "{% for m in messages %}{% if m.role == 'assistant' %}A:{% generation %} {{ m.content }}{{ eos_token }}{% endgeneration %}{% else %}U: {{ m.content }}\n{% endif %}{% endfor %}",
        "U: Be kind.\nU:  Hi \nA:⟦ Hello. </s>⟧U: Why?\nA:⟦ So.</s>⟧");

    [Theory]
    [InlineData("{{ 1 + 2 * 3 - 4 // 3 ** 1 % 5 }}", "6")]
    [InlineData("{{ 7 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 1e }}x", null)]
    [InlineData("{{ 7 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 1.0 }}", "3.5 -4 2 1024 1.0")]
    [InlineData("{{ 'a' ~ 1 ~ none ~ true }} {{ 'ab' * 2 }} {{ [1] + [2, 'x'] }}", "a1NoneTrue abab [1, 2, 'x']")]
    [InlineData("{{ 1 < 2 <= 2 }} {{ 'b' in 'abc' }} {{ 'x' not in ['x'] }} {{ not 0 }} {{ 1 == 1.0 }}", "True True False True True")]
    [InlineData("{{ none is none }} {{ x is defined }} {{ x is not defined }} {{ 3 is odd }} {{ 'a' is string }} {{ {} is mapping }} {{ 4 is divisibleby 2 }} {{ 'a' is in ['a'] }} {{ 1 is eq 1 }}", "True False True True True True True True True")]
    [InlineData("{{ 'abc'[1] }}{{ 'abc'[-1] }}{{ 'abcdef'[1:-1:2] }}{{ [1, 2, 3][::-1] }}{{ 'abc'[:2] }}", "bcbd[3, 2, 1]ab")]
    [InlineData("{{ x or 'y' }} {{ '' and z.q }} {{ 'a' if 0 }}|{{ 'a' if 1 else b.c }}", "y  |a")]
    [InlineData("{{ '  a ' | trim }}{{ 'aB' | upper }}{{ 'aB' | lower }}{{ 'ab cd' | title }}{{ 'ABC' | capitalize }}{{ [1, 2] | length }}{{ 'é🦙' | length }}", "aABabAb CdAbc22")]
    [InlineData("{{ x | default('d') }}{{ '' | default('d', true) }}{{ [3, 1, 2] | sort | join(',') }}{{ [1, 2] | last }}{{ 'ab' | first }}{{ [1, 1, 2] | unique | list }}", "dd1,2,32a[1, 2]")]
    [InlineData("{{ [{'a': 1, 'b': 'x'}, {'a': 2}] | selectattr('b', 'defined') | map(attribute='a') | list }}{{ [0, 1, 2] | reject('odd') | list }}{{ ['a', 'b'] | map('upper') | join }}{{ [1, 2] | sum }}", "[1][0, 2]AB3")]
    [InlineData("{{ {'a': [1, 2.5, none, true], 'b': 'é\"\\n'} | tojson }}", "{\"a\": [1, 2.5, null, true], \"b\": \"é\\\"\\n\"}")]
    [InlineData("{{ {'a': [1, {}], 'b': []} | tojson(indent=2) }}", "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}")]
    [InlineData("{{ ' a,b '.strip().split(',') }}{{ 'abab'.replace('a', 'x', 1) }}{{ 'ab'.startswith('a') }}{{ 'ab'.endswith(('x', 'b')) }}{{ 'a b  c'.split() }}{{ 'xax'.lstrip('x') }}{{ ', '.join(['a', 'b']) }}{{ 'a-b-c'.rsplit('-', 1) }}", "['a', 'b']xbabTrueTrue['a', 'b', 'c']axa, b['a-b', 'c']")]
    [InlineData("{{ {'a': 1}.get('b', 2) }}{{ ({'a': 1}.items() | list)[0][1] }}{% for k, v in {'x': 1, 'y': 2} | items %}{{ k }}{{ v }}{% endfor %}{{ {'a': {'b': 3}}.a['b'] }}", "21x1y23")]
    [InlineData("{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", "02")]
    [InlineData("{% for i in [1, 2, 3] if i > 1 %}{{ loop.index }}{{ loop.first }}{{ i }}{{ loop.cycle('a', 'b') }}{{ loop.previtem }};{% else %}none{% endfor %}{% for i in [] %}{% else %}none{% endfor %}", "1True2a;2False3b2;none")]
    [InlineData("{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 3 %}{% endif %}{{ x }}", "213")]
    [InlineData("{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{% set a, b = 1, 2 %}{{ b }}{% set c %}x{{ a }}{% endset %}{{ c | upper }}", "32X1")]
    [InlineData("{% macro m(a, b='y') %}[{{ a }}{{ b }}{{ q }}]{% endmacro %}{% set q = 1 %}{{ m('x') }}{{ m(b='z', a=2) }}{{ m('x') | length }}", "[xy1][2z1]5")]
    [InlineData("{% filter upper %}a{{ 'b' }}{% endfilter %}{% raw %}{{ x }}{% endraw %}{# gone #}.", "AB{{ x }}.")]
    [InlineData("a\n  {% if true %}\n  b\n  {% endif %}\nc", "a\n  b\nc")] // the tags' lines are gone
    [InlineData("a  {%- if true -%}  b  {%- endif %}  c", "ab  c")]
    [InlineData("  {%+ if true %}\nx{% endif +%}\ny", "  x\ny")]
    [InlineData("a {{- ' b ' -}} c\n", "a b c")]
    [InlineData("{{ '\\u00e9\\x41\\'' }}{{ \"a\" 'b' }}{{ (1, 2)[1] }}{{ [1,][0] }}", "éA'ab21")]
    [InlineData("{{ not a is defined }}{{ 2 is not even }}{{ -1 | abs }}{{ '3' | int + 1 }}{{ 1.25 | round(1) }}", "TrueFalse141.2")]
    [InlineData("{{ messages }}", "[]")]
    [InlineData("{{ tools is none }}{{ documents is defined }}{{ strftime_now is defined }}{{ bos_token }}", "TrueTrueTrue<s>")]
    [InlineData("{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%B %-d, %A %H:%M:%S %j %% %F') }}|{{ strftime_now(format='%Y') + '!' }}", "26 Jul 2024|July 26, Friday 00:00:00 208 % 2024-07-26|2024!")]
    [InlineData("{{ date_string is defined }}{{ custom_tools is defined }}{% if tools %}a{% elif documents %}b{% else %}c{% endif %}{{ tools is not none and tools | length }}", "FalseFalsecFalse")]
    public void The_language_does_what_Jinja_does(string template, string? expected)
    {
        if (expected is null)
            Assert.Throws<InputException>(() => Rendered(template));
        else
            Assert.Equal(expected, Rendered(template));
    }

    [Theory]
    [InlineData("{% if x %}a", "line 1  ends without endif, expected a chat template in the part of Jinja that docs/tokenizers.md lists; correct it, or use another template")]
    [InlineData("a\n{% endif %}", "line 2  has endif without its beginning, expected")]
    [InlineData("{{ x", "line 1  has a tag without }}, expected")]
    [InlineData("{% include 'x' %}", "line 1  has the tag 'include', which is not known, expected")]
    [InlineData("\n\n{{ x | shout }}", "line 3  has the filter 'shout', which is not known, expected")]
    [InlineData("{{ x is shouted }}", "line 1  has the test 'shouted', which is not known, expected")]
    [InlineData("{{ ''.__class__ }}", "line 1  asks for '__class__', which no template may, expected")]
    [InlineData("{% break %}", "line 1  has break outside a loop, expected")]
    [InlineData("{{ 1 + }}", "line 1  has }} where a value belongs, expected")]
    [InlineData("{{ 'a }}", "line 1  has a text without its closing quote, expected")]
    [InlineData("{{ a.b.c }}", "line 1  asks 'a', which is not defined, for 'b', expected a template that renders this conversation; correct it, or use another template")]
    [InlineData("{{ raise_exception('Only two turns') }}", "refuses the conversation: Only two turns, expected one that the template permits; change the conversation, or use another template")]
    [InlineData("{{ strftime('%d') }}", "line 1  calls 'strftime', which is not defined, expected")]
    [InlineData("{{ strftime_now('%d %Q') }}", "line 1  asks for the date as '%d %Q', of which '%Q' is not known, expected")]
    [InlineData("{{ strftime_now('%') }}", "line 1  asks for the date as '%', of which '%' is not known, expected")]
    [InlineData("{{ strftime_now('%B' * 16000000) }}", "line 1  makes more than 32000000 characters, expected")]
    [InlineData("{% set _ = messages.append(1) %}", "line 1  changes a list with 'append', which no template may; add lists with + instead, expected")]
    [InlineData("{{ messages.clear() }}", "line 1  changes a list with 'clear', which no template may; add lists with + instead, expected")]
    [InlineData("{{ 'a' + 1 }}", "line 1  computes a text + a number, expected")]
    [InlineData("{{ 1 // 0 }}", "line 1  divides by 0, expected")]
    [InlineData("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "line 1  takes more than 1000000 steps, expected")]
    [InlineData("{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "line 1  makes more than 32000000 characters, expected")]
    [InlineData("{{ 'x' * 999999999 }}", "line 1  makes more than 32000000 characters, expected")]
    [InlineData("{{ range(1000000000000) }}", "line 1  makes a range of more than 100000 numbers, expected")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "line 1  computes 9223372036854775807 + 1, which is too large a number, expected")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "line 1  calls or nests more than 50 deep, expected")]
    public void A_template_that_is_malformed_or_does_too_much_is_refused_with_the_reason(string template, string problem)
    {
        var error = Assert.Throws<InputException>(() => Rendered(template));

        Assert.StartsWith($"mine.jinja has 1 problem\n  {problem}", error.Message);
    }

    [Fact]
    public void No_depth_and_no_length_of_a_template_ends_the_process()
    {
        foreach (var template in new[]
        {
            "{{ " + new string('(', 100_000) + "1" + new string(')', 100_000) + " }}",
            "{{ " + string.Concat(Enumerable.Repeat("[", 100_000)) + " }}",
            "{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 100_000)) + " }}",
            "{{ " + string.Concat(Enumerable.Repeat("not ", 100_000)) + "1 }}",
            "{{ " + string.Concat(Enumerable.Repeat("- ", 100_000)) + "1 }}",
            "{{ a" + string.Concat(Enumerable.Repeat(".a", 100_000)) + " }}",
            string.Concat(Enumerable.Repeat("{% if 1 %}", 50_000)),
            "{{ " + string.Concat(Enumerable.Repeat("1 if 1 else ", 50_000)) + "1 }}",
            new string('x', 2_000_000),
        })
            Assert.Throws<InputException>(() => Rendered(template));
    }

    [Fact]
    public void What_people_write_stays_theirs_whatever_the_template_does_to_it()
    {
        var template = ChatTemplate.Parse("{% set c = messages[0].content %}{{ '<b>' + c.strip() | upper }}{{ c.split('|')[1][1:] | trim }}{{ c.replace('a', '<i>') }}{{ c | tojson }}</b>", "mine");

        var chat = template.Render(new([new(Role.User, " a<s>|</s> ")]), Tokens);

        Assert.Equal("<b>A<S>|</S>/s> <i><s>|</s> \" a<s>|</s> \"</b>", chat.Text.Replace("/s>" + " <i>", "/s> <i>"));
        Assert.False(chat.IsData(0, 3)); // <b>
        Assert.True(chat.IsData(3, 4));
        var put = chat.Text.IndexOf("<i>", StringComparison.Ordinal);
        Assert.False(chat.IsData(put, put + 3)); // what the template puts in is the template's
        Assert.True(chat.IsData(put + 3, put + 4));
        Assert.True(chat.IsData(chat.Text.Length - 8, chat.Text.Length - 4)); // the JSON
        Assert.False(chat.IsData(chat.Text.Length - 4, chat.Text.Length));
    }

    /// <summary>The way of Llama 3.1 and 3.2: a day where there is one to ask for, else one that is written down.</summary>
    [Fact]
    public void A_template_is_told_the_day_that_is_passed_in_and_the_same_one_where_none_is()
    {
        var template = ChatTemplate.Parse("""
            {{- bos_token }}
            {%- if not date_string is defined %}
                {%- if strftime_now is defined %}
                    {%- set date_string = strftime_now("%d %b %Y") %}
                {%- else %}
                    {%- set date_string = "26 Jul 2024" %}
                {%- endif %}
            {%- endif %}
            {{- "Today Date: " + date_string + "\n" }}
            {%- for message in messages %}{{- message.content }}{% endfor %}
            """, "mine.jinja");
        Conversation chat = new([new(Role.User, "Hi")]);

        Assert.Equal("<s>Today Date: 26 Jul 2024\nHi", template.Render(chat, Tokens).Text);
        Assert.Equal("<s>Today Date: 05 Mar 2031\nHi", template.Render(chat, Tokens with { Now = new(2031, 3, 5, 7, 8, 9, TimeSpan.Zero) }).Text);
    }

    [Theory]
    [InlineData("%d/%m/%y %e.%-m.", "05/03/31  5.3.")]
    [InlineData("%I:%M %p %R %T %S", "03:08 PM 15:08 15:08:09 09")]
    [InlineData("%a %A %u %w %j %-j", "Wed Wednesday 3 3 064 64")]
    [InlineData("%z %Z %D %h%%", "+0000 UTC 03/05/31 Mar%")]
    public void Days_are_written_as_C_writes_them(string pattern, string expected) =>
        Assert.Equal(expected, ChatTemplate.Parse("{{ strftime_now(messages[0].content) }}", "mine").Render(new([new(Role.User, pattern)]), Tokens with { Now = new(2031, 3, 5, 15, 8, 9, TimeSpan.Zero) }).Text);

    [Fact]
    public void The_built_in_templates_mark_their_answers()
    {
        AssertChat(ChatTemplate.Transcript.Source, "Be kind.\n\nHuman:  Hi \n\nAssistant:⟦ Hello. </s>⟧\n\nHuman: Why?\n\nAssistant:⟦ So.</s>⟧");
        AssertChat(ChatTemplate.ChatMl.Source, "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\n⟦Hello. <|im_end|>⟧\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n⟦So.<|im_end|>⟧\n");
        Assert.EndsWith("Why?\n\nAssistant:", ChatTemplate.Transcript.Render(new([.. Chat.Messages.Take(4)]), Tokens, forAnswer: true).Text);
        Assert.EndsWith("Why?<|im_end|>\n<|im_start|>assistant\n", ChatTemplate.ChatMl.Render(new([.. Chat.Messages.Take(4)]), Tokens, forAnswer: true).Text);
    }

    [Fact]
    public void A_template_is_named_or_a_file()
    {
        Assert.Same(ChatTemplate.ChatMl, ChatTemplate.Named("chatml"));
        Assert.Equal("chatmel has 1 problem\n  is no chat template, expected transcript, chatml, or a file with a template; correct the name, or leave it out for the model's own",
            Assert.Throws<InputException>(() => ChatTemplate.Named("chatmel")).Message);
    }

    private static string Rendered(string template) => ChatTemplate.Parse(template, "mine.jinja").Render(new([]), Tokens).Text;

    private static void AssertChat(string template, string whole, string? ofLastTwo = null)
    {
        Assert.Equal(whole, Marked(template, Chat));
        if (ofLastTwo is not null)
            Assert.Equal(ofLastTwo, Marked(template, new([.. Chat.Messages.Skip(3)])));
    }

    private static string Marked(string template, Conversation chat)
    {
        var rendered = ChatTemplate.Parse(template, "mine.jinja").Render(chat, Tokens);
        return string.Concat(rendered.Parts().Select(part => part.IsLearned ? $"⟦{rendered.Text[part.Start..part.End]}⟧" : rendered.Text[part.Start..part.End]));
    }
}
