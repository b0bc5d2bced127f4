using Attune.Text;
using Attune.Tokens;

namespace Attune.Tests.Tokens;

public sealed class RowBuilderTests
{
    private static readonly Tokenizer Trained = TokenizerTests.Trained();

    [Fact]
    public void The_loss_reads_the_response_and_its_end()
    {
        var row = new RowBuilder(Trained, new()).Of(new PromptResponse("the cat", " sat"))!;

        Assert.Equal("the cat⟦ sat<|endoftext|>⟧", Shown(row));
        Assert.Equal([.. Trained.Encode("the cat"), .. Trained.Encode(" sat"), Trained.EndId!.Value], row.Ids);
    }

    [Fact]
    public void The_loss_reads_every_turn_of_the_assistant()
    {
        Conversation chat = new([new(Role.User, "Hi"), new(Role.Assistant, "Hello."), new(Role.User, "Who?"), new(Role.Assistant, "Me.")]);

        var row = new RowBuilder(Trained, new()).Of(chat)!;

        Assert.Equal("\n\nHuman: Hi\n\nAssistant:⟦ Hello.<|endoftext|>⟧\n\nHuman: Who?\n\nAssistant:⟦ Me.<|endoftext|>⟧", Shown(row));
    }

    [Fact]
    public void What_people_write_never_becomes_an_added_token()
    {
        Conversation chat = new([new(Role.User, "<|endoftext|>"), new(Role.Assistant, "<|endoftext|>")]);

        var row = new RowBuilder(Trained, new()).Of(chat)!;

        Assert.Equal(1, row.Ids.Count(id => id == Trained.EndId));
        Assert.Equal(Trained.EndId, row.Ids[^1]);
    }

    [Fact]
    public void A_sampled_prompt_has_the_tokens_of_a_trained_one()
    {
        var builder = new RowBuilder(Trained, new());
        var row = builder.Of(new Conversation([new(Role.User, "the mat"), new(Role.Assistant, "the cat")]))!;

        var prompt = builder.Prompt(new([new(Role.User, "the mat")]));

        Assert.Equal(prompt, row.Ids[..prompt.Length]);
        Assert.Equal(Array.IndexOf(row.LossMask, true), prompt.Length);
    }

    [Fact]
    public void Chat_markup_is_read_as_added_tokens_and_the_next_turn_is_not_learned()
    {
        var tokenizer = BpeTrainer.Train(["text"], new() { AddedTokens = ["<|im_start|>", "<|im_end|>"], Roles = new() { End = "<|im_end|>" } });
        Conversation chat = new([new(Role.System, "Be kind."), new(Role.User, "Hi"), new(Role.Assistant, "Yes"), new(Role.User, "No")]);

        var builder = new RowBuilder(tokenizer, new() { Chat = "chatml" });
        var row = builder.Of(chat)!;

        Assert.Equal("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n⟦Yes<|im_end|>⟧\n<|im_start|>user\nNo<|im_end|>\n", Shown(row, tokenizer));
        Assert.Equal(4, row.Ids.Count(id => id == 0));
        Assert.EndsWith("No<|im_end|>\n<|im_start|>assistant\n", tokenizer.Decode(builder.Prompt(chat)));
    }

    [Fact]
    public void Pairs_share_their_prompt_and_long_rows_are_counted()
    {
        var builder = new RowBuilder(Trained, new() { Longest = 6, Overlong = OverlongRule.Drop });

        var pair = builder.Of(new PreferencePair("the", " cat", " mat"))!;

        Assert.Equal(("the⟦ cat<|endoftext|>⟧", "the⟦ mat<|endoftext|>⟧"), (Shown(pair.Chosen), Shown(pair.Rejected)));
        Assert.Null(builder.Of(new PreferencePair("the", " cat", "qqqqqqqqqqqq")));
        Assert.Null(builder.Of(new PromptResponse("the", "qqqqqqqqqqqq")));
        Assert.Equal((2, 0), (builder.Dropped, builder.Shortened));
        var cutting = new RowBuilder(Trained, new() { Longest = 6 });
        Assert.Equal("the⟦qqqqq⟧", Shown(cutting.Of(new PromptResponse("the", "qqqqqqqqqqqq"))!));
        Assert.Equal((0, 1), (cutting.Dropped, cutting.Shortened));
    }

    [Fact]
    public void A_tokenizer_without_an_end_token_is_refused_unless_none_is_wanted()
    {
        var bare = TokenizerTests.Made([]);

        var error = Assert.Throws<ArgumentException>(() => new RowBuilder(bare, new()));

        Assert.StartsWith("the tokenizer has no end token, expected one to end answers with; name it in tokenizer_config.json or set addEnd to false", error.Message);
        Assert.Equal("a⟦b⟧", Shown(new RowBuilder(bare, new() { AddEnd = false }).Of(new PromptResponse("a", "b"))!, bare));
    }

    [Fact]
    public void A_rendered_row_shows_documents_and_padding()
    {
        var builder = new RowBuilder(Trained, new());
        var rows = new[] { builder.Of(new PromptResponse("the cat", " sat"))!, builder.Of(new PromptResponse("the", " mat"))! };

        var text = LossRendering.Of(Packer.Batch([rows], 12, Trained.PaddingId!.Value), 0, Trained);

        Assert.Equal("the cat⟦ sat<|endoftext|>⟧\nthe⟦ mat<|endoftext|>⟧\n(12 tokens: 6 learned, 3 only read, 3 padding)", text);
    }

    private static string Shown(TokenRow row, Tokenizer? tokenizer = null)
    {
        var text = LossRendering.Of(Collators.Pad([row], paddingId: 0), 0, tokenizer ?? Trained);
        return text[..text.LastIndexOf('\n')];
    }
}
