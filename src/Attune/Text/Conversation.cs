namespace Attune.Text;

/// <summary>Who speaks.</summary>
public enum Role
{
    /// <summary>Instructions that stand above the conversation.</summary>
    System,

    /// <summary>The person.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,
}

/// <summary>One turn.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Content">What is said.</param>
public sealed record Message(Role Role, string Content);

/// <summary>Turns in their order.</summary>
/// <param name="Messages">The turns.</param>
/// <param name="Id">Its name in the file it comes from, if it has one.</param>
public sealed record Conversation(IReadOnlyList<Message> Messages, string? Id = null);

/// <summary>A part of a rendered conversation.</summary>
/// <param name="Text">The text.</param>
/// <param name="IsLearned">Whether the loss reads it: the assistant's words and what ends them.</param>
/// <param name="IsMarkup">Whether added tokens in it are meant as such. Never true for what people wrote.</param>
public sealed record ChatSpan(string Text, bool IsLearned, bool IsMarkup);

/// <summary>
/// How a conversation becomes text: what stands before and after each message. A model understands only the format it was tuned with.
/// Not here: templates with conditions and loops, tools.
/// </summary>
public sealed record ChatFormat
{
    /// <summary>The form of Anthropic's dialogues, with the tokenizer's end token after each answer.</summary>
    public static ChatFormat Transcript { get; } = new();

    /// <summary>The form that marks each turn with added tokens, as many models use; the tokenizer has to have them.</summary>
    public static ChatFormat ChatMl { get; } = new()
    {
        SystemPrefix = "<|im_start|>system\n",
        SystemSuffix = "<|im_end|>\n",
        UserPrefix = "<|im_start|>user\n",
        UserSuffix = "<|im_end|>\n",
        AssistantPrefix = "<|im_start|>assistant\n",
        AssistantSuffix = "<|im_end|>",
        AfterAssistant = "\n",
        SpaceBeforeContent = false,
    };

    /// <summary>Before a system message.</summary>
    public string SystemPrefix { get; init; } = "";

    /// <summary>After a system message.</summary>
    public string SystemSuffix { get; init; } = "";

    /// <summary>Before a user's message.</summary>
    public string UserPrefix { get; init; } = "\n\nHuman:";

    /// <summary>After a user's message.</summary>
    public string UserSuffix { get; init; } = "";

    /// <summary>Before an answer; also what a model is given to start one.</summary>
    public string AssistantPrefix { get; init; } = "\n\nAssistant:";

    /// <summary>After an answer, and learned with it: it says that the answer is over. Without it whoever knows the tokenizer puts its end token there.</summary>
    public string? AssistantSuffix { get; init; }

    /// <summary>After the suffix where the conversation goes on; not learned.</summary>
    public string AfterAssistant { get; init; } = "";

    /// <summary>Whether a space leads each message of user and assistant, which byte-level vocabularies like better than one that ends the prefix.</summary>
    public bool SpaceBeforeContent { get; init; } = true;

    /// <summary>The conversation in parts; joined they are its text.</summary>
    public IReadOnlyList<ChatSpan> Render(Conversation conversation)
    {
        var spans = new List<ChatSpan>();
        for (var turn = 0; turn < conversation.Messages.Count; turn++)
        {
            var message = conversation.Messages[turn];
            var isAnswer = message.Role == Role.Assistant;
            var (prefix, suffix) = Around(message.Role);
            spans.Add(new(prefix, IsLearned: false, IsMarkup: true));
            spans.Add(new(SpaceBeforeContent && message.Role != Role.System ? " " + message.Content : message.Content, isAnswer, IsMarkup: false));
            spans.Add(new(suffix, isAnswer, IsMarkup: true));
            if (isAnswer && turn + 1 < conversation.Messages.Count)
                spans.Add(new(AfterAssistant, IsLearned: false, IsMarkup: true));
        }
        spans.RemoveAll(span => span.Text.Length == 0);
        return spans;
    }

    /// <summary>The conversation and what starts the next answer, for sampling.</summary>
    public IReadOnlyList<ChatSpan> RenderPrompt(Conversation conversation)
    {
        var endsWithAnswer = conversation.Messages.Count > 0 && conversation.Messages[^1].Role == Role.Assistant;
        return [.. Render(conversation), new((endsWithAnswer ? AfterAssistant : "") + AssistantPrefix, IsLearned: false, IsMarkup: true)];
    }

    private (string Prefix, string Suffix) Around(Role role) => role switch
    {
        Role.System => (SystemPrefix, SystemSuffix),
        Role.User => (UserPrefix, UserSuffix),
        _ => (AssistantPrefix, AssistantSuffix ?? ""),
    };
}
