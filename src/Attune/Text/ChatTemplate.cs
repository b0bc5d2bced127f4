using Attune.Runs;
using Attune.Text.Templates;

namespace Attune.Text;

/// <summary>What a chat template knows beside the conversation: of the tokenizer, and what day it is.</summary>
public sealed record ChatTokens
{
    /// <summary><c>bos_token</c>.</summary>
    public string? Begin { get; init; }

    /// <summary><c>eos_token</c>.</summary>
    public string? End { get; init; }

    /// <summary><c>pad_token</c>.</summary>
    public string? Padding { get; init; }

    /// <summary>What <c>strftime_now</c> gives: a fixed day unless another is asked for, as a prompt that changes from day to day could not be learned.</summary>
    public DateTimeOffset Now { get; init; } = UsualNow;

    /// <summary>The day that Llama's templates fall back on.</summary>
    public static DateTimeOffset UsualNow { get; } = new(2024, 7, 26, 0, 0, 0, TimeSpan.Zero);

    /// <summary>All special tokens: the first of them behind an answer is what ends it.</summary>
    public IReadOnlyCollection<string> Special { get; init; } = [];
}

/// <summary>
/// How a conversation becomes text: a template in the part of Jinja that published models use, as transformers renders it. One template serves training, sampling and evaluation.
/// A template can only make text, and only so much of it. Not here: tools, images, templates that load others.
/// </summary>
public sealed class ChatTemplate
{
    private const int Longest = 1 << 20;

    private readonly IReadOnlyList<TemplateStatement> _statements;
    private readonly string _origin;

    private ChatTemplate(string source, string origin, IReadOnlyList<TemplateStatement> statements) => (Source, _origin, _statements) = (source, origin, statements);

    /// <summary>The form of Anthropic's dialogues, with the tokenizer's end token after each answer.</summary>
    public static ChatTemplate Transcript { get; } = Parse(
        """
        {%- for message in messages -%}
        {%- if message.role == 'system' -%}{{ message.content }}
        {%- elif message.role == 'user' -%}{{ '\n\nHuman: ' + message.content }}
        {%- else -%}{{ '\n\nAssistant:' }}{%- generation -%}{{ ' ' + message.content }}{{ eos_token }}{%- endgeneration -%}
        {%- endif -%}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{ '\n\nAssistant:' }}{%- endif -%}
        """, "transcript");

    /// <summary>The form that marks each turn with added tokens, as many models use; the tokenizer has to have them.</summary>
    public static ChatTemplate ChatMl { get; } = Parse(
        """
        {%- for message in messages -%}
        {{ '<|im_start|>' + message.role + '\n' }}
        {%- if message.role == 'assistant' -%}{%- generation -%}{{ message.content }}{{ '<|im_end|>' }}{%- endgeneration -%}{%- else -%}{{ message.content + '<|im_end|>' }}{%- endif -%}
        {{ '\n' }}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}
        """, "chatml");

    /// <summary>The template as it is written.</summary>
    public string Source { get; }

    /// <summary>Reads a template.</summary>
    /// <param name="source">The template.</param>
    /// <param name="origin">Where it is from, for messages.</param>
    /// <exception cref="InputException">It is malformed, or uses what is not known.</exception>
    public static ChatTemplate Parse(string source, string origin)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Length > Longest)
            throw InputException.One(origin, $"has {source.Length} characters", $"at most {Longest}", "use another template");
        try
        {
            return new(source, origin, TemplateParser.Parse(source));
        }
        catch (TemplateSyntaxException e)
        {
            throw new InputException(origin, [Problem.Of($"line {e.Line}", e.Message, "a chat template in the part of Jinja that docs/tokenizers.md lists", "correct it, or use another template")]);
        }
    }

    /// <summary>A template by name (<c>transcript</c>, <c>chatml</c>) or from a file.</summary>
    /// <exception cref="InputException">There is no such template, or it is malformed.</exception>
    public static ChatTemplate Named(string name)
    {
        if (name is "transcript" or "chatml")
            return name == "chatml" ? ChatMl : Transcript;
        return File.Exists(name) ? Parse(ReadFailure.Told(name, () => File.ReadAllText(name)), name)
            : throw InputException.One(name, "is no chat template", "transcript, chatml, or a file with a template", "correct the name, or leave it out for the model's own");
    }

    /// <summary>A conversation as text, with what is learned and what people wrote.</summary>
    /// <param name="conversation">The turns.</param>
    /// <param name="tokens">The tokenizer's special tokens.</param>
    /// <param name="forAnswer">Whether what starts an answer comes last, for a model to go on.</param>
    /// <exception cref="InputException">The template refuses the conversation, fails on it or does too much.</exception>
    public RenderedChat Render(Conversation conversation, ChatTokens tokens, bool forAnswer = false)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        ArgumentNullException.ThrowIfNull(tokens);
        var run = Rendered(conversation.Messages, tokens, forAnswer);
        var text = run.Output.ToText();
        var learned = run.Generated.Count > 0 ? run.Generated : Answers(conversation, tokens, text);
        return new(text.Text, text.Runs, learned);
    }

    private TemplateRun Rendered(IReadOnlyList<Message> messages, ChatTokens tokens, bool forAnswer)
    {
        var run = new TemplateRun(Variables(messages, tokens, forAnswer));
        try
        {
            TemplateStatement.DoAll(_statements, run);
            return run;
        }
        catch (TemplateException e)
        {
            throw e.Said is { } said
                ? InputException.One(_origin, $"refuses the conversation: {said}", "one that the template permits", "change the conversation, or use another template")
                : new InputException(_origin, [Problem.Of(e.Line > 0 ? $"line {e.Line}" : "", e.Message, "a template that renders this conversation", "correct it, or use another template")]);
        }
    }

    private static Dictionary<string, object?> Variables(IReadOnlyList<Message> messages, ChatTokens tokens, bool forAnswer)
    {
        var list = new List<object?>(messages.Count);
        for (var i = 0; i < messages.Count; i++)
        {
            var role = messages[i].Role switch { Role.System => "system", Role.User => "user", _ => "assistant" };
            list.Add(new TemplateMap { ["role"] = TemplateText.Of(role), ["content"] = TemplateText.Of(messages[i].Content, source: i + 1) });
        }
        var variables = new Dictionary<string, object?> { ["messages"] = list, ["add_generation_prompt"] = forAnswer, ["tools"] = null, ["documents"] = null, ["strftime_now"] = TemplateDate.Now(tokens.Now) };
        foreach (var (name, token) in new[] { ("bos_token", tokens.Begin), ("eos_token", tokens.End), ("pad_token", tokens.Padding) })
        {
            if (token is not null)
                variables[name] = TemplateText.Of(token);
        }
        return variables;
    }

    /// <summary>
    /// The answers in a template without generation marks: from where a model would have been asked to go on, or else from the answer's first word, to the special token behind it.
    /// </summary>
    private List<(int Start, int End)> Answers(Conversation conversation, ChatTokens tokens, TemplateText text)
    {
        var answers = new List<(int Start, int End)>();
        for (var i = 0; i < conversation.Messages.Count; i++)
        {
            if (conversation.Messages[i].Role != Role.Assistant || Place(text, i + 1) is not var (start, end))
                continue;
            if (AskedAt(conversation, tokens, i) is { } asked && asked.Length <= start && text.Text.StartsWith(asked, StringComparison.Ordinal) && (answers.Count == 0 || asked.Length >= answers[^1].End))
                start = asked.Length;
            answers.Add((start, WithEnd(text.Text, end, tokens)));
        }
        return answers;
    }

    /// <summary>What a model would have read before it gave an answer; null where the template refuses so short a conversation.</summary>
    private string? AskedAt(Conversation conversation, ChatTokens tokens, int message)
    {
        try
        {
            return Rendered([.. conversation.Messages.Take(message)], tokens, forAnswer: true).Output.ToText().Text;
        }
        catch (InputException)
        {
            return null;
        }
    }

    private static (int Start, int End)? Place(TemplateText text, int source)
    {
        var (start, first, last) = (0, -1, -1);
        foreach (var run in text.Runs)
        {
            if (run.Source == source)
                (first, last) = (first < 0 ? start : first, run.End);
            start = run.End;
        }
        return first < 0 ? null : (first, last);
    }

    private static int WithEnd(string text, int end, ChatTokens tokens)
    {
        var at = end;
        while (at < text.Length && char.IsWhiteSpace(text[at]))
            at++;
        var mark = tokens.Special.Where(token => token.Length > 0 && string.CompareOrdinal(text, at, token, 0, token.Length) == 0).OrderByDescending(token => token.Length).FirstOrDefault();
        return mark is null ? end : at + mark.Length;
    }
}
